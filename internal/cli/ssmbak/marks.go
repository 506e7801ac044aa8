package ssmbakcli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

// marked parses @NAME and before:@NAME, whatever NAME is. ok is false for any other text.
func marked(text string) (m moment, ok bool) {
	text, m.before = strings.CutPrefix(text, "before:")
	m.mark, ok = strings.CutPrefix(text, "@")
	return m, ok
}

// checkMarkName returns an error for a text that cannot be the name of a mark. what is the
// flag that it belongs to, followed by a colon and a space, or "".
func checkMarkName(what, name string) error {
	if archive.ValidMarkName(name) {
		return nil
	}
	hint := "use up to 128 letters, digits, periods, underscores and hyphens, beginning with a letter or a digit"
	if rest, ok := strings.CutPrefix(name, "@"); ok && archive.ValidMarkName(rest) {
		hint = "use " + rest
	}
	return shell.Usage(hint, "%s%q is not the name of a mark", what, name)
}

// locate returns the point of a moment. It reads a mark from the archive, and prints its
// time as a note.
func (a *app) locate(ctx context.Context, s *session, m moment) (ssmbak.Point, error) {
	if m.mark == "" {
		return m.Point, nil
	}
	mark, err := s.archive.Mark(ctx, m.mark)
	if errors.Is(err, archive.ErrNoMark) {
		return ssmbak.Point{}, a.noMark(ctx, s, m.mark)
	}
	if err != nil {
		return ssmbak.Point{}, err
	}
	p, where := mark.Point(), "mark "
	if m.before {
		p.At = p.Begin - 1
		p.Begin, where = p.At, "before mark "
	}
	a.NoteFacts(shell.Facts{"At": p.At, "Mark": mark.Name}, "time %s (%s%s)", a.both(p.At), where, mark.Name)
	return p, nil
}

// openAt opens the archive to read it at a TIME argument.
func (a *app) openAt(ctx context.Context, text string) (*session, ssmbak.Point, error) {
	m, err := a.past(text)
	if err != nil {
		return nil, ssmbak.Point{}, err
	}
	s, err := a.open(ctx, reading)
	if err != nil {
		return nil, ssmbak.Point{}, err
	}
	point, err := a.locate(ctx, s, m)
	return s, point, err
}

// nearMarks is how many marks with a similar name an error lists, and triedMarks how many
// names it reads at most to find them, since marks may have been removed.
const (
	nearMarks  = 3
	triedMarks = 12
)

// noMark returns the error for a mark that does not exist, with the names of those that
// are most like it.
func (a *app) noMark(ctx context.Context, s *session, name string) error {
	names, err := s.archive.MarkNames(ctx)
	if err != nil {
		return err
	}
	slices.SortStableFunc(names, func(x, y string) int { return cmp.Compare(shell.Distance(name, x), shell.Distance(name, y)) })
	var near []string
	for _, other := range names[:min(triedMarks, len(names))] {
		if _, err := s.archive.Mark(ctx, other); err != nil {
			if ctx.Err() != nil {
				return err
			}
			continue
		}
		if near = append(near, "@"+other); len(near) == nearMarks {
			break
		}
	}
	hint := "`ssmbak mark NAME` sets one"
	if len(near) > 0 {
		hint = "the nearest are " + strings.Join(near, ", ") + "; `ssmbak mark` lists all"
	}
	return shell.KindNotFound.Fail(hint, "there is no mark %s", name)
}
