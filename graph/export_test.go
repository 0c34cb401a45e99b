package graph

// Steps is Walk, which says how many steps it took.
var Steps = (*Graph).walk
