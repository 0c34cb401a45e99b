// Package monkey tries the program on manifests at random: it draws a folder and a manifest for it from a seed, and has the built program validate, plan,
// converge, repair, undo, save plans, be killed ... Accounts, crontabs and the like it has in an /etc of its own. What is held against the program are not
// expected contents but its own promises: a plan is what the run does, a second run changes nothing, an undo gives everything back, reports tell what
// happened.
//
// A failure prints the seed, and the smallest manifest of the same kind that still fails. go test tries a few seeds;
// APPLY_MONKEY=FROM-TO tries those, and APPLY_MONKEY=SEED one.
package monkey
