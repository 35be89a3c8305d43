package handler

// Printable is printable.
var Printable = printable
