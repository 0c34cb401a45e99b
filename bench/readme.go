package main

func (r *results) writeReadme(name string) error { return nil }
