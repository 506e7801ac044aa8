package ssmbak

// Known is a part of a [State] with its certainty. The zero value is unknown.
type Known[T any] struct {
	// V is the zero value if Certainty is Unknown.
	V         T
	Certainty Certainty
	// Reason says in one clause why Certainty is Unknown. It is empty if there is
	// nothing to say.
	Reason string
}

// Know returns v as known with the given certainty.
func Know[T any](v T, c Certainty) Known[T] { return Known[T]{V: v, Certainty: c} }

// Get returns V and whether it is known.
func (k Known[T]) Get() (v T, ok bool) { return k.V, k.IsKnown() }

// IsKnown reports whether V is proved or last known.
func (k Known[T]) IsKnown() bool { return k.Certainty != Unknown }

// IsProved reports whether V is proved.
func (k Known[T]) IsProved() bool { return k.Certainty == Proved }
