// Bench compares parley with other echo servers on one machine, in one run: what a message, a connection and a gigabyte
// cost in CPU time, how fast bytes go through, how long answers take, and what an idle connection occupies.
//
// README.md says how to run it and how to read what it prints.
//
//	main ........ flags, signals, the order of things
//	workshop .... builds parley, the reference, the load and the peers in a temporary directory
//	servers ..... who takes part, and how each is started
//	works ....... what a server is put through
//	rounds ...... every work, with every server in turn, again and again
//	  process ... starts and ends one server; all that it forks ends with it
//	  cpu ....... what it has used, from the kernel's clocks
//	  load ...... drives reference/load.c
//	columns ..... from samples to figures: ratios to the reference of the same round, targets
//	report ...... medians, and the table
//	guard ....... the check for CI: parley against plain Go
//
// It runs on Linux.
package main
