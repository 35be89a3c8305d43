package main

// Main is the program; the tests run themselves as it.
func Main() { main() }

// ListenError is listenError.
var ListenError = listenError

// MergeSignals is mergeSignals.
var MergeSignals = mergeSignals

// TakeOver is what a service manager handed over, and whom it wants to be told.
func TakeOver() error {
	_, err := takeOver(openFiles())
	if err != nil {
		return err
	}
	_, err = newNotifier()
	return err
}

// NewRoot is newRoot.
var NewRoot = newRoot

// NamesOf is namesOf.
var NamesOf = namesOf
