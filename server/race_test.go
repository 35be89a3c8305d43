//go:build race

package server_test

// raceDetector says that sync.Pool drops at random what is put into it, so that what is pooled can't be counted.
const raceDetector = true
