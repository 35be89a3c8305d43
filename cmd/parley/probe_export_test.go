package main

// Nearest is nearest.
var Nearest = nearest
