// Package faults is the catalogue of faults that parley survives, as a program. Each case names a fault, makes it against the
// real binary over real sockets, demands what is promised, measures a figure, and then has the ledger checked: what must be
// true after every fault. Catalogue lists the cases, RESULTS.md the figures.
//
//	faults/run                   every case in its short form, as .ci/run does
//	faults/run B7 N1             these cases
//	faults/run --long            every case in full size: takes long, opens many files
//	faults/run --long --write    and puts the figures into RESULTS.md
//
//	go test -tags system ./faults -run B7 -v     one case, and what it measures
//	go test -race -tags system ./faults          the daemon is built with the race detector, too
//
// The cases need Linux and root, since each run has a network of its own: nobody else's traffic is counted, and nobody else sees
// the faults. Most run over both transports.
//
// # A case
//
// It is a test called after the case, and most often a subtest for each transport:
//
//	func TestB2_silentConnects(t *testing.T) {
//		eachTransport(t, func(f *fault) {
//			d := f.serve("echo://127.0.0.1:0") // with a canary, and the ledger at the end
//			...
//			f.figure("connections a second", rate, "/s")
//		})
//	}
//
// A case that other packages test in-process as well, or better, says so in Catalogue. A test (Test_catalogue) looks for a case without
// a test, and for a test without a case.
//
// # The ledger
//
// fault.serve has it checked at the end, when all that the test has opened is closed:
//
//  1. accepted = closed + active, and nobody is active.
//  2. Each connection has one log line, or is among those that the log says it has left out or dropped.
//  3. Goroutines and open files are back where they were, within 2 s. Where a case repeats something, memory does not grow with it.
//  4. The canary, a healthy client, saw no error, and 99 % of its echoes took less than 50 ms and twice what a plain echo within the
//     test took at the same time: where the machine is busy with other things, that is late as well.
//  5. It is the same process, and has not crashed. It ends at SIGTERM, with status 0.
//  6. TcpExtTCPAbortOnClose did not move: nobody closed a connection with unread input, which would have lost an answer. That is left
//     out where the clients of the case do so themselves, and of cases that run beside others, which share the count.
//  7. There are as many series of metrics as there were.
package faults
