package rondo

import "time"

// TaskKind is the shape of the answer.
type TaskKind string

// The kinds that can be honoured.
const (
	Binary     TaskKind = "binary"
	Multiclass TaskKind = "multiclass"
	Regression TaskKind = "regression"
)

// Spec is what a model file declares, with every default filled in. Expressions and bars are kept as their source text;
// modelfile has parsed each of them once, so parsing again cannot fail. Spec is canonical: equal declarations marshal
// to equal JSON, and its digest is part of a version's.
type Spec struct {
	Name     string   `json:"name"`
	Task     Task     `json:"task"`
	Data     Data     `json:"data"`
	Train    Train    `json:"train"`
	Decide   *Decide  `json:"decide,omitempty"` // nil: no threshold, so no F1, precision, recall and no regret
	Evaluate Evaluate `json:"evaluate"`
	Deploy   Deploy   `json:"deploy"`
	Monitor  Monitor  `json:"monitor"`
	Retrain  Retrain  `json:"retrain"`
	Budget   Money    `json:"budget,omitempty"` // the most that the model may cost in a calendar month, UTC; 0: no limit
	// Dir is the folder of the model file: relative sources and lookups start there. Not part of the digest.
	Dir string `json:"-"`
}

// Task says what is asked.
type Task struct {
	Kind   TaskKind `json:"kind"`
	Target string   `json:"target"`
}

// Data says where rows come from and what is made of them.
type Data struct {
	Source      string        `json:"source"` // a file or a glob beside the model file: .csv, .json, .jsonl, .ndjson, .parquet
	Time        *Time         `json:"time,omitempty"`
	Key         *Key          `json:"key,omitempty"` // nil: a row is its content
	Lookup      []Lookup      `json:"lookup,omitempty"`
	Checks      []string      `json:"checks,omitempty"`      // expressions
	BatchChecks []string      `json:"batchChecks,omitempty"` // "AGG(column) within P% of profile"
	Derive      []Named       `json:"derive,omitempty"`
	Label       *Label        `json:"label,omitempty"`
	History     []History     `json:"history,omitempty"`
	Features    []FeatureStep `json:"features,omitempty"`
	Drop        []string      `json:"drop,omitempty"` // columns that are no features, whatever else they are for
	Split       Split         `json:"split"`
}

// Time says when the question is asked. Column holds a timestamp, or local text or a naive timestamp with a Zone.
type Time struct {
	Column     string `json:"column"`
	Zone       string `json:"zone,omitempty"`       // an IANA name
	ZoneColumn string `json:"zoneColumn,omitempty"` // or the column that holds one; both empty: the column carries offsets or is UTC by type
}

// Key says which row this is. Number, when set, is the column for a running number among rows of equal Columns (D4).
type Key struct {
	Columns []string `json:"columns"`
	Number  string   `json:"number,omitempty"`
}

// Lookup joins columns of a small table by equality. On maps this model's column to the table's column. The column
// Take[i] of the table arrives as Name_Take[i], or as Take[i] where that name is free (modelfile decides: As).
type Lookup struct {
	Name string   `json:"name"`
	From string   `json:"from"` // a file beside the model file
	On   []Pair   `json:"on"`
	Take []string `json:"take"`
}

// Pair maps a column of the model to one of a table.
type Pair struct {
	Column string `json:"column"`
	To     string `json:"to"`
}

// Named is an expression with the column it makes.
type Named struct {
	Name string `json:"name"`
	Expr string `json:"expr"`
}

// Label says when the outcome can be known: an expression of a timestamp; empty means with the row itself.
type Label struct {
	Known string `json:"known,omitempty"`
}

// Aggregate is what history computes.
type Aggregate string

// The aggregates that can be honoured.
const (
	Mean  Aggregate = "mean"
	Sum   Aggregate = "sum"
	Count Aggregate = "count"
)

// History is a point-in-time aggregate over outcomes known before the row's time, in the open window (t-Over, t).
type History struct {
	Name      string        `json:"name"`
	Aggregate Aggregate     `json:"aggregate"`
	Of        string        `json:"of,omitempty"` // bool or number column; empty for count
	By        []string      `json:"by,omitempty"` // empty: everywhere
	Over      time.Duration `json:"over"`
}

// FeatureStep is one line under features; exactly one field is set.
type FeatureStep struct {
	Expr      *Named      `json:"expr,omitempty"`
	Impute    []Column    `json:"impute,omitempty"`    // how: median, mean, mode, or a constant
	Encode    []Column    `json:"encode,omitempty"`    // how: target, one-hot, ordinal
	DateParts []DateParts `json:"dateParts,omitempty"` // year, month, day, weekday, hour, minute, dayofyear
}

// Column is a column with what is done to it.
type Column struct {
	Column string `json:"column"`
	How    string `json:"how"`
}

// DateParts makes the columns COLUMN_PART of a timestamp column, in the row's zone.
type DateParts struct {
	Column string   `json:"column"`
	Parts  []string `json:"parts"`
}

// SplitBy says how rows are parted.
type SplitBy string

// By time with an embargo, or at random by the hash of the key.
const (
	ByTime SplitBy = "time"
	ByHash SplitBy = "hash"
)

// Split says how rows are parted: shares of the window's time (ByTime, D12) or of the rows (ByHash).
type Split struct {
	By         SplitBy `json:"by"`
	Validation float64 `json:"validation"`
	Test       float64 `json:"test"`
}

// Refit says whether a version that was proved is fitted once more on the newest window (S22).
type Refit string

// The refits.
const (
	RefitNone      Refit = "none"
	RefitWindow    Refit = "window"
	RefitPromotion Refit = "promotion"
)

// Train says how a version is made. Window 0 is all rows.
type Train struct {
	Trainer string        `json:"trainer"` // boosted-trees
	Window  time.Duration `json:"window"`
	Refit   Refit         `json:"refit"`
	Trees   int           `json:"trees"`
	Leaves  int           `json:"leaves"`
	Rate    float64       `json:"rate"`
	Seed    uint64        `json:"seed"`
}

// Decide turns probabilities into answers: by least expected cost, or at a declared threshold.
type Decide struct {
	MinCost   bool    `json:"minCost"`
	Threshold float64 `json:"threshold,omitempty"` // used when MinCost is false
	FP        Money   `json:"fp"`
	FN        Money   `json:"fn"`
}

// Loss is a per-row loss: log loss has a bound of its own, squared loss is clipped in trials (S2).
type Loss string

// The losses that promotion and rollback can test.
const (
	LogLoss     Loss = "log-loss"
	SquaredLoss Loss = "squared"
)

// Evaluate says what must be reached.
type Evaluate struct {
	Primary Loss     `json:"primary"`
	Bars    []string `json:"bars,omitempty"`
}

// Proof is what a challenger has to show.
type Proof string

// The proofs.
const (
	NotWorse Proof = "not-worse"
	Better   Proof = "better"
)

// Deploy says how a challenger replaces the champion.
type Deploy struct {
	Prove  Proof         `json:"prove"` // for retrains of the same recipe; a person's change has to be better
	Margin float64       `json:"margin"`
	AtMost time.Duration `json:"atMost"` // the longest shadow
	Canary []float64     `json:"canary"` // shares of traffic, in steps
	Watch  time.Duration `json:"watch"`
}

// Monitor says what is watched.
type Monitor struct {
	FalsePerYear float64  `json:"falsePerYear"`
	Slices       []string `json:"slices,omitempty"`
}

// RetrainWhen is the policy.
type RetrainWhen string

// The policies.
const (
	WhenRegret RetrainWhen = "regret"
	WhenEvery  RetrainWhen = "every"
	WhenNever  RetrainWhen = "never"
)

// Retrain says when a new version is bought.
type Retrain struct {
	When   RetrainWhen   `json:"when"`
	Every  time.Duration `json:"every,omitempty"`
	Price  Money         `json:"price"`
	Guards Guards        `json:"guards"`
}

// Guards hold a retrain back, or demand one. Zero means none.
type Guards struct {
	Cooldown time.Duration `json:"cooldown,omitempty"`
	Budget   Money         `json:"budget,omitempty"` // a calendar month, UTC
	MaxAge   time.Duration `json:"maxAge,omitempty"`
}
