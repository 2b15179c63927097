package evaluate

import (
	"errors"
	"fmt"
	"strings"

	"rondo.dev/rondo/internal/lib/expr"
	"rondo.dev/rondo/internal/rondo"
	"rondo.dev/rondo/metric"
)

// eceBins is the number of equal-width bins of calibration.
const eceBins = 10

// ErrNotMeasured is wrapped when a metric has no value on these rows: one class, too few rows.
var ErrNotMeasured = errors.New("cannot be measured")

// measure is one metric on rows, with its interval at level. Threshold is nil without decide.
func measure(name string, s *Scored, threshold *float64, level float64) (metric.Estimate, error) {
	if s.Rows() == 0 {
		return metric.Estimate{}, fmt.Errorf("%s %w: no rows", name, ErrNotMeasured)
	}
	e, err := measureBy(s.days(), name, s, threshold, level)
	switch {
	case err == nil:
		return e, nil
	case rondo.KindOf(err) != "":
		return e, err
	}
	return e, fmt.Errorf("%s %w: %s", name, ErrNotMeasured, strings.TrimPrefix(err.Error(), "metric: "))
}

func measureBy(g metric.Groups, name string, s *Scored, threshold *float64, level float64) (metric.Estimate, error) {
	switch s.Kind {
	case rondo.Binary:
		return measureBinary(g, name, s, threshold, level)
	case rondo.Multiclass:
		k := len(s.Classes)
		switch name {
		case "accuracy":
			return g.MulticlassAccuracy(s.Outputs, k, s.classLabels(), level)
		case "log-loss":
			return g.MulticlassLogLoss(s.Outputs, k, s.classLabels(), level)
		case "f1", "macro-f1":
			return g.MacroF1(s.Outputs, k, s.classLabels(), level)
		case "auc":
			return g.MacroAUC(s.Outputs, k, s.classLabels(), level)
		}
	case rondo.Regression:
		switch name {
		case "rmse":
			return g.RMSE(s.Outputs, s.Target, level)
		case "mae":
			return g.MAE(s.Outputs, s.Target, level)
		case "r2":
			return g.R2(s.Outputs, s.Target, level)
		}
	}
	return metric.Estimate{}, rondo.Errorf(rondo.Unsupported, "metric %q does not fit a %s task", name, s.Kind)
}

func measureBinary(g metric.Groups, name string, s *Scored, threshold *float64, level float64) (metric.Estimate, error) {
	labels := s.labels()
	switch name {
	case "auc":
		return g.AUC(s.Outputs, labels, level)
	case "average-precision", "ap":
		return g.AveragePrecision(s.Outputs, labels, level)
	case "log-loss":
		return g.LogLoss(s.Outputs, labels, level)
	case "brier":
		return g.Brier(s.Outputs, labels, level)
	case "ece":
		return g.ECE(s.Outputs, labels, eceBins, level)
	}
	at := 0.5
	if threshold != nil {
		at = *threshold
	} else if name != "accuracy" {
		return metric.Estimate{}, rondo.Errorf(rondo.Invalid, "%s needs a threshold; declare decide", name)
	}
	switch name {
	case "accuracy":
		return g.Accuracy(s.Outputs, labels, at, level)
	case "precision":
		return g.Precision(s.Outputs, labels, at, level)
	case "recall":
		return g.Recall(s.Outputs, labels, at, level)
	case "f1":
		return g.F1(s.Outputs, labels, at, level)
	}
	return metric.Estimate{}, rondo.Errorf(rondo.Unsupported, "metric %q does not fit a binary task", name)
}

// Names are the metrics that are always shown for a task, the first one its headline.
func Names(kind rondo.TaskKind, threshold bool) []string {
	switch kind {
	case rondo.Multiclass:
		return []string{"accuracy", "log-loss", "macro-f1", "auc"}
	case rondo.Regression:
		return []string{"rmse", "mae", "r2"}
	}
	names := []string{"auc", "log-loss", "brier", "average-precision", "ece"}
	if threshold {
		names = append(names, "precision", "recall", "f1", "accuracy")
	}
	return names
}

// plain gives the metric a bar asks for and the groups it asks it of: worst(auc by origin), robust(auc, noise 5%),
// calibration(ece), auc.
func plain(b *expr.Bar) (name string, by []string, rows int64, noise float64) {
	name = b.Metric
	for _, a := range b.Args {
		switch {
		case a.Name != "":
			name, by = a.Name, a.By
		case a.Rows > 0:
			rows = a.Rows
		case a.Noise > 0:
			noise = a.Noise
		}
	}
	if b.Metric == "calibration" && len(b.Args) == 0 {
		name = "ece"
	}
	return name, by, rows, noise
}

func number(e metric.Estimate) rondo.Number {
	return rondo.Number{Value: e.Value, Low: e.Low, High: e.High, Rows: e.Rows}
}
