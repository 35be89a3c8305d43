// Package daemontest runs the daemon as a program beside a test, and is its clients: it starts processes and waits for what they
// log, scrapes the metrics, converses, and flies canaries. The tests of cmd/parley run the daemon as a user does, those of
// package faults as somebody who wishes it ill.
//
// Whatever a test waits for is to come within Patience. What is to be quick is measured instead.
package daemontest
