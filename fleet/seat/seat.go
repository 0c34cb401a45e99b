// Package seat is the seat's end of a fleet's relays: it brings this program to nodes that do not have it, starts it there over one session of ssh a node,
// and brings files to many nodes through each other.
//
// The program is brought compressed, verified by its hash, and kept below the user's cache. The first nodes get it from the seat and pass it on; a node that
// cannot get it from another one, or gets something else, gets it from the seat.
package seat
