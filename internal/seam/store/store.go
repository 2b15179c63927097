// Package store keeps rows: what is declared, what happened, what is next.
//
// The promise (storetest examines every implementation):
//   - Write runs f in one transaction. When it returns nil, all that f wrote is durable (synchronous=FULL), and several
//     Writes may share one sync (group commit). When f or the commit fails nothing of it is seen by anybody. One exception:
//     a commit whose sync failed is unseen until the store is opened again, and may be found done then.
//   - A transaction sees one time, Tx.Now, taken from the installation's clock when it starts. f must not keep the Tx,
//     start goroutines, or do anything outside the database.
//   - Read sees one consistent snapshot and never waits for a writer.
//   - Every commit of a step's work calls Steps.Finish (or Steps.Fence) with its attempt, and is refused with
//     ErrLeaseLost when a later attempt exists or the step has ended: no late ghosts (I2, I3).
//   - Adding a row of an id that is there is ErrExists. A row that is not there is ErrNotFound.
//   - A full or failing disk is an error of kind rondo.Unavailable, and the store goes on when there is room. After a
//     failed sync everything is ErrBroken until the store is opened again. A flipped bit in SQLite's write-ahead log can
//     lose acknowledged rows without a word: this store does not claim otherwise.
//   - Lists are in the order the rows were made.
package store

import (
	"context"
	"errors"
	"time"

	"rondo.dev/rondo/internal/rondo"
)

// Errors that callers ask about.
var (
	ErrNotFound  = errors.New("no such row")
	ErrExists    = errors.New("row exists")
	ErrLeaseLost = errors.New("lease lost to a later attempt")
	ErrBroken    = errors.New("nothing more is accepted until the store is opened again")
)

// Store keeps rows. Safe for concurrent use.
type Store interface {
	Write(ctx context.Context, f func(Tx) error) error
	Read(ctx context.Context, f func(Tx) error) error
	Close() error
}

// Tx is one transaction.
type Tx interface {
	Now() time.Time
	Models() Models
	Cycles() Cycles
	Steps() Steps
	Records() Records
	Versions() Versions
	Decisions() Decisions
	Values() Values
	Ledger() Ledger
	Tokens() Tokens
	// Digests are all that any row names, whatever they are of: the objects that have to stay are among them.
	Digests() (map[rondo.Digest]bool, error)
}

// Model is a declaration as it was applied.
type Model struct {
	Name     string
	Revision int // counts from 1
	Spec     *rondo.Spec
	Digest   rondo.Digest
	Dir      string
	Applied  time.Time
	Paused   bool
}

// Models are declarations; every revision is kept.
type Models interface {
	// Apply adds a revision, or returns the present one when the digest is the same.
	Apply(spec *rondo.Spec, digest rondo.Digest, dir string) (m Model, changed bool, err error)
	Get(name string) (Model, error) // the newest revision
	Revision(name string, revision int) (Model, error)
	List() ([]Model, error)
	SetPaused(name string, paused bool) error
}

// Cycles are turns of the loop. At most one is open per model: a second is ErrExists.
type Cycles interface {
	Add(c rondo.Cycle) error
	Get(id rondo.CycleID) (rondo.Cycle, error)
	Open(model string) (rondo.Cycle, error) // ErrNotFound when none is
	End(id rondo.CycleID, outcome rondo.Outcome, version rondo.VersionID) error
	List(model string, limit int) ([]rondo.Cycle, error) // newest last; limit 0: all
}

// StepState is where a step stands.
type StepState string

// The states: open -> leased -> done | failed | parked; leased -> open when it is given back; parked -> open by a person. The table repeats it as CHECK.
const (
	StepOpen   StepState = "open"
	StepLeased StepState = "leased"
	StepDone   StepState = "done"
	StepFailed StepState = "failed"
	StepParked StepState = "parked" // poison: needs a person
)

// Step is one durable unit of work of a cycle.
type Step struct {
	ID         rondo.StepID
	Model      string
	Cycle      rondo.CycleID // empty: work of the model outside a cycle (a day closed, a probe)
	Kind       string        // prepare, train, evaluate ...; unique per (cycle, kind, name)
	Name       string
	State      StepState
	Due        time.Time // not before
	Attempt    int
	Worker     string
	LeaseUntil time.Time
	Failures   int
	Error      string
	Input      []byte // JSON
	Output     []byte // JSON, once done
	Made       time.Time
	Ended      *time.Time
}

// Steps are leased and fenced.
type Steps interface {
	Add(s Step) error
	Get(id rondo.StepID) (Step, error)
	// Lease takes the oldest due step that is open or whose lease has run out, for this worker, with attempt + 1.
	// ErrNotFound: nothing is due.
	Lease(worker string, until time.Time) (Step, error)
	Renew(id rondo.StepID, attempt int, until time.Time) error
	// Fence is nil while attempt is the step's newest and the step is leased.
	Fence(id rondo.StepID, attempt int) error
	Finish(id rondo.StepID, attempt int, output []byte) error
	// Fail ends the attempt: the step is open again from retry on, or failed or parked when state says so.
	Fail(id rondo.StepID, attempt int, reason string, state StepState, retry time.Time) error
	// Postpone gives a leased step back, due later: it waits for a named event or instant. Its failures are forgotten.
	Postpone(id rondo.StepID, attempt int, due time.Time, output []byte) error
	// Wake makes open steps of that model and kind due now.
	Wake(model, kind string) error
	// Unpark opens a model's parked steps again, due now and with no failure: a person has mended what they failed at.
	Unpark(model string) (int, error)
	// FreeWorkersExcept opens what other workers hold: for the one process that owns this store, at its start.
	FreeWorkersExcept(worker string) (int, error)
	ByCycle(c rondo.CycleID) ([]Step, error)
	Unfinished(model string) ([]Step, error)
	Parked(model string) ([]Step, error)
	NextDue() (time.Time, error) // the earliest due instant of open steps; ErrNotFound when none
}

// Records are things that were made once and never change.
type Records interface {
	AddDataset(d *rondo.Dataset) error
	Dataset(id rondo.DatasetID) (*rondo.Dataset, error)
	Datasets(model string) ([]*rondo.Dataset, error)
	AddRun(r *rondo.Run) error
	Run(id rondo.RunID) (*rondo.Run, error)
	Runs(model string) ([]*rondo.Run, error)
	AddEvaluation(e *rondo.Evaluation) error
	Evaluation(id rondo.EvaluationID) (*rondo.Evaluation, error)
	Evaluations(model string) ([]*rondo.Evaluation, error)
	// UseTestRows records one use of test rows (S17): their number-th, counted by the caller from 1, because other rows
	// with some of these among them count, too. The same (rows, use) again returns the number recorded first; another use
	// of equal rows and number is ErrExists.
	UseTestRows(model string, rows rondo.Digest, use string, number int) (int, error)
	TestUses(model string) ([]TestUse, error)
}

// TestUse is one look at test rows.
type TestUse struct {
	Rows   rondo.Digest
	Use    string
	Number int
}

// Route is who answers a model's requests. Generation grows by one with each change (I4).
type Route struct {
	Model      string          `json:"model"`
	Generation int             `json:"generation"`
	Champion   rondo.VersionID `json:"champion,omitempty"`
	Challenger rondo.VersionID `json:"challenger,omitempty"` // scored in shadow, and answers Share of keys
	Share      float64         `json:"share"`
	Salt       string          `json:"salt,omitempty"`
	Parent     rondo.VersionID `json:"parent,omitempty"` // scored in shadow during a watch
}

// Versions are trained artefacts, and the routes to them.
type Versions interface {
	// Add gives the version the model's next number, and its id.
	Add(v *rondo.Version) error
	Get(id rondo.VersionID) (*rondo.Version, error)
	List(model string) ([]*rondo.Version, error)
	// Move changes a version's state along VersionTransitions and sets From and Until by Tx.Now; at most one champion a model.
	Move(id rondo.VersionID, to rondo.VersionState) error
	Route(model string) (Route, error) // ErrNotFound when nothing answers
	Routes() ([]Route, error)
	SetRoute(r Route) (generation int, err error)
}

// Decisions are kept for ever.
type Decisions interface {
	// Add is ErrExists for a second decision of one (step, rule).
	Add(d *rondo.Decision) error
	List(model string, limit int) ([]*rondo.Decision, error) // newest last; limit 0: all
	ByCycle(c rondo.CycleID) ([]*rondo.Decision, error)
}

// Values are small named JSON states of a model that change: a detector, a regret, a rollout, a day's sums.
type Values interface {
	Get(model, name string) ([]byte, error)
	Put(model, name string, value []byte) error
	// Range gives names from (inclusive) to (exclusive) in order.
	Range(model, from, to string) ([]Value, error)
	Delete(model, name string) error
}

// Value is a named state.
type Value struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// Ledger is money by cause.
type Ledger interface {
	// Add books an entry once per (ref, attempt, cause); a second is ErrExists.
	Add(e rondo.Entry) error
	// Reserve holds money for work about to start, refused with rondo.OverBudget when spent + reserved + amount > limit
	// since from (I6). A later attempt takes over what an earlier one of the same ref holds: the work is done once. The same
	// attempt, or an earlier one, is ErrExists.
	Reserve(model, ref string, attempt int, amount, limit rondo.Money, from time.Time) error
	// Release ends what is held for ref, by whichever attempt: in the transaction that books what it came to. It says
	// whether anything was held.
	Release(model, ref string) (bool, error)
	Reserved(model string) ([]Reservation, error)             // in order of ref
	Totals(model string, from, to time.Time) ([]Total, error) // by cause, in order of cause; zero times: all
	Entries(model string, limit int) ([]rondo.Entry, error)
}

// Reservation is money held for work that goes on.
type Reservation struct {
	Ref     string
	Attempt int
	Amount  rondo.Money
	Made    time.Time
}

// Total is the sum of a cause.
type Total struct {
	Cause   string        `json:"cause"`
	Entries int           `json:"entries"`
	CPU     time.Duration `json:"cpu"`
	Amount  rondo.Money   `json:"amount"`
}

// Token is a bearer token's record: its hash, never itself.
type Token struct {
	Name   string    `json:"name"`
	Hash   [32]byte  `json:"-"`
	Scopes []string  `json:"scopes"` // admin, predict, feedback, events, read
	Made   time.Time `json:"made"`
}

// Tokens say who may speak to the installation.
type Tokens interface {
	Add(t Token) error
	ByHash(h [32]byte) (Token, error)
	List() ([]Token, error)
	Revoke(name string) error
}
