// Package transform answers: what does a model see of a row? It compiles the preparation that a model declares and runs
// it; training and serving run the same code, so that both see the same bits.
//
// Rows is what needs no fitting, in the order of RULES D1: lookups, time to UTC, key, checks, derive, known. Every column
// gets one origin (Signature); a feature, key, time, known or lookup that reads what is known only with the outcome is
// refused as a leak, naming the path. A raw column is a label when the target is computed from it and neither key, time,
// known, a lookup nor a history's groups read it; a target without any such column would be known when the question is
// asked, and is refused too.
//
// Program is what is fitted on training rows: expressions, imputation, encodings; its output is a Matrix of float32, NaN
// where a value is missing. Fit gives training rows ordered target encodings: a row sees only labels known before its
// time (without time: those of rows with smaller keys), shrunk by 20 rows towards the mean of all labels known by then.
// Apply gives everybody else the frozen final values.
//
// Units: instants are microseconds UTC; in expressions the declared time column is its instant, and date parts of it are
// those of the row's zone. In tables it keeps its local form (D5). Missing: an unmatched lookup is null, a check that is
// unknown fails, a row without a usable time or known is bad (Frame.Bad), never guessed.
//
// Encoders have a bucket for missing and one for rare values, which also takes in values never seen: a value is kept when
// at least 20 training rows have it (R10). History columns and numbers that are missing stay NaN unless imputed: trees
// learn where missing values go.
//
// Bits: float64 throughout, rounded once to float32 (R12, D24); rows are computed in blocks that share nothing, so one row
// and a million give the same.
package transform
