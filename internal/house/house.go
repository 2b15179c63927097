// Package house holds the rules of the house as tests: which way imports point, what a package, a file and a function
// may be called and how long they may be, where clocks, chance, SQL and C live, and that every declared field is read.
//
// It has no code of its own. Each rule reads the source of the whole module (build tags ignored, so that no file hides
// behind one) and names every line that breaks it. An exception stands in the rule's own table, with its reason; an
// exception that nothing needs any more is a failure too.
package house
