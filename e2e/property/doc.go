// Package property holds the library to its promises in small trees at random, in this process: a plan is what a converge does, a second run does nothing, an
// undo gives back the tree, and after a death at any step the next run ends where one that lived would have. Package monkey does so with the built program.
package property
