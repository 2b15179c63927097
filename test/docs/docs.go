// Package docs runs what the documents tell a reader to type, and generates the reference of the command line.
//
// Every line that begins with "$ " in a block fenced as console, in README.md, docs and examples, is run, document by
// document, each in an empty folder of its own with the links examples and docs beside it, a home of its own, and rondo on
// the path. A document is one shell session: cd, variables and background jobs work as they do for a reader. A command has
// to end with 0, or with N where the line ends with "# exit N". What a command printed is a picture for the reader and is
// not compared (cmd/rondo does that for docs/tutorials). Blocks fenced as sh are the few commands that .ci/run runs itself.
package docs
