//go:build aws

package acceptance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The kinds of accounts in which facts are settled.
const (
	onAWS      = "AWS"
	onEmulator = "the emulator"
	onMoto     = "moto"
)

// fact is something that ssmbak assumes about AWS.
type fact struct {
	name    string
	assumed string // what ssmbak assumes, or that it is right either way
	source  string // the URL of the public source of the assumption
	depends string // what in ssmbak depends on it
	// lacks says of an emulation that cannot play the fact why, by the kinds of accounts.
	lacks map[string]string
	// alone says that the fact disturbs others, or they it: they wait until it is settled.
	alone bool
	// stack says that the emulator needs CloudFormation and a recorder.
	stack bool
	// once says that the recorded answers depend on the time or on keys, so that they cannot be
	// played again.
	once bool
	// settle returns what it learned in addition, which may be "". The error is a *difference,
	// an *unsettled, or says why the fact could not be tried.
	settle func(ctx context.Context, s *scratch) (learned string, err error)
}

// facts returns all facts.
func facts() []fact {
	return slices.Concat(rateFacts(), typeFacts(), omissionFacts(), nameFacts(), versionFacts(), keyFacts(), lagFacts(), objectFacts(), eventFacts(), stackFacts())
}

// difference says what AWS does other than assumed.
type difference struct{ what string }

func (d *difference) Error() string { return d.what }

func differs(format string, args ...any) error { return &difference{fmt.Sprintf(format, args...)} }

// unsettled says why a fact could not be settled here.
type unsettled struct{ why string }

func (u *unsettled) Error() string { return u.why }

func notSettled(format string, args ...any) error { return &unsettled{fmt.Sprintf(format, args...)} }

// verdict is what was found out about a fact.
type verdict struct {
	fact    *fact
	learned string
	err     error
}

// unsettled returns why the fact is not settled, "" if it is.
func (v verdict) unsettled() string {
	if u, ok := errors.AsType[*unsettled](v.err); ok {
		return u.why
	}
	return ""
}

// String returns the line, or after a failure the lines, about the fact.
func (v verdict) String() string {
	d, different := errors.AsType[*difference](v.err)
	switch {
	case v.err == nil && v.learned == "":
		return "PASS as assumed: " + v.fact.name + ": " + v.fact.assumed
	case v.err == nil:
		return "PASS as assumed: " + v.fact.name + ": " + v.fact.assumed + " (" + v.learned + ")"
	case v.unsettled() != "":
		return "NOT SETTLED: " + v.fact.name + ": " + v.unsettled()
	case different:
		return strings.Join([]string{
			"DIFFERENT: " + v.fact.name + ": " + d.what, "assumed: " + v.fact.assumed, "source: " + v.fact.source, "depends on it: " + v.fact.depends,
		}, "\n\t")
	}
	return "FAILED: " + v.fact.name + ": " + v.err.Error()
}
