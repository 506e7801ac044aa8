package ssmbakcli

import (
	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/cli/render"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// stateRows are the states that a command shows. JSON is written state by state; a table is
// written at the end, since its widths depend on all rows.
type stateRows struct {
	a     *app
	array *render.Array  // of JSON, nil for a table
	all   []ssmbak.State // of a table or a summary, or JSON that waits
	n     int
	unfit []ssmbak.Name // with a value that JSON cannot represent
}

func (a *app) newStateRows() *stateRows {
	s := &stateRows{a: a}
	if a.Flags.Output == shell.JSON && !a.flags.summary {
		s.array = a.Array()
	}
	return s
}

// add shows a state. JSON waits until recorded is set: if the archive has no records of the
// time, there is an error instead.
func (s *stateRows) add(st ssmbak.State, recorded bool) error {
	s.n++
	if s.a.Flags.Output == shell.JSON && render.Unfit(st, s.a.flags.decrypt) {
		s.unfit = append(s.unfit, st.Name)
	}
	s.all = append(s.all, st)
	if s.array == nil || !recorded {
		return nil
	}
	return s.flush()
}

// flush writes the states that wait.
func (s *stateRows) flush() error {
	for _, st := range s.all {
		if err := s.array.Add(render.RowOf(st, s.a.flags.decrypt)); err != nil {
			return err
		}
	}
	s.all = s.all[:0]
	return nil
}

// close writes what is left.
func (s *stateRows) close() error {
	switch {
	case s.array != nil:
		if err := s.flush(); err != nil {
			return err
		}
		return s.array.Close()
	case s.n == 0:
		return nil
	}
	return render.States(s.a.Stdout, s.all, s.a.view(s.a.Stdout))
}
