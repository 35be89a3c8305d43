// Package logging is where the daemon's log lines go: zap encodes them, a
// bounded queue takes them without ever blocking, one goroutine writes them.
//
//	zap.Logger -> encoder (JSON or console, ASCII only) -> queue -> goroutine -> stdout
//
// The service must not notice what becomes of its log: a full disk, a pipe
// that nobody reads, a terminal stopped with Ctrl-S. Lines that find no room,
// or that the sink refuses, are dropped and counted; as soon as the sink takes
// lines again, one line says how many are missing.
//
// Nothing but printable ASCII leaves the encoders, whatever a client put into
// a field: see [New].
//
// Two things are left to main. A Go process whose stdout is a pipe without a
// reader is killed by SIGPIPE, queue or no queue, unless main calls
//
//	signal.Ignore(syscall.SIGPIPE)
//
// And nothing flushes the queue but [Log.Close]: main calls it last, and nobody
// calls Fatal, which would exit before it.
package logging
