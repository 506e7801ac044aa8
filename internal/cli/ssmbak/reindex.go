package ssmbakcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
)

type reindexOptions struct {
	target    ssmbak.Target
	recursive bool
	dryRun    bool
}

func (a *app) newReindexCommand() *cobra.Command {
	var o reindexOptions
	cmd := &cobra.Command{
		Use:   "reindex NAME|PATH",
		Short: "Rebuild damaged or deleted indexes of the archive",
		Long: `Rebuild the damaged or deleted index of a parameter, or all such indexes below a
path. The new index combines the newest older version of the index object that is
readable with the value objects. Without such a version, only the values and their
times can be recovered. Intact indexes are not changed. Reindex never writes to
Parameter Store.`,
		Example: `  ssmbak reindex /app/db
  ssmbak reindex / --recursive --dry-run`,
		Args: exactly("NAME|PATH"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.target, err = a.target(args[0], o.recursive); err != nil {
				return err
			}
			return a.runReindex(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "R", false, "everything below the path, not only its direct children")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show which indexes would be rebuilt, without writing them")
	return cmd
}

// reindexedRow is one index in JSON.
type reindexedRow struct {
	Name   ssmbak.Name
	Change string
	// OlderIndex is the version ID of the index object that was used.
	OlderIndex, OlderTime    *string
	Versions, Values, Legacy int
	Foreign, Unreadable      int
	Lacks                    []string
	Error                    *string
	Code                     *shell.Kind
}

// Changes of a row.
const (
	indexRebuilt = "rebuilt"
	indexIntact  = "intact"
	indexDamaged = "damaged" // to be rebuilt, in a dry run
	indexFailed  = "failed"
	// indexRegistered is an intact index whose name was added to the register.
	indexRegistered = "registered"
)

func (a *app) runReindex(ctx context.Context, o reindexOptions) error {
	s, err := a.open(ctx, unlessDry(o.dryRun))
	if err != nil {
		return err
	}
	if err := s.exists(); err != nil {
		return err
	}
	if _, err := s.archive.Reconciled(ctx); err != nil { // it may be hidden
		return err
	}
	if !o.dryRun {
		if err := s.archive.Establish(ctx); err != nil {
			return err
		}
	}
	rows, err := a.reindex(ctx, s.archive, o)
	if err != nil {
		return err
	}
	if err := a.printReindexed(rows); err != nil {
		return err
	}
	count := make(map[string]int)
	for _, row := range rows {
		count[row.Change]++
	}
	facts := shell.Facts{"Counts": count}
	switch {
	case len(rows) == 0:
		a.NoteFacts(shell.Facts{"Target": o.target.String(), "Counts": count}, "no index of %s is damaged or deleted", o.target)
	case o.dryRun:
		a.NoteFacts(facts, "would have rebuilt %d, intact %d, failed %d", count[indexDamaged], count[indexIntact], count[indexFailed])
	default:
		a.NoteFacts(facts, "rebuilt %d, intact %d, failed %d", count[indexRebuilt], count[indexIntact], count[indexFailed])
	}
	if n := count[indexRegistered]; n > 0 {
		a.NoteFacts(shell.Counted("registered", n), "registered %s", shell.Count(n, "name", "names"))
	}
	if count[indexRebuilt] > 0 {
		a.NoteFacts(shell.Facts{"Target": o.target.String()}, "`ssmbak reconcile %s` adds the live state", o.target)
	}
	switch n := count[indexFailed]; {
	case n == 0:
		return nil
	case n == len(rows):
		return shell.KindNothingDone.Fail("", "%s not be rebuilt", shell.Count(n, "index could", "indexes could"))
	default:
		again := "ssmbak reindex " + o.target.String()
		if o.recursive {
			again += " --recursive"
		}
		return shell.KindPartial.Part("`"+again+"` tries again", "%s not be rebuilt", shell.Count(n, "index could", "indexes could"))
	}
}

// reindexParallel is the number of indexes that are rebuilt concurrently. Each reads
// many objects concurrently.
const reindexParallel = 8

// reindex rebuilds the index of the target's parameter, or all broken indexes below its
// path.
func (a *app) reindex(ctx context.Context, from *archive.Archive, o reindexOptions) ([]reindexedRow, error) {
	name, possible := o.target.Name()
	if possible && !o.recursive {
		row, err := reindexOne(ctx, from, name, o.dryRun)
		if !errors.Is(err, archive.ErrNothing) {
			return []reindexedRow{row}, err
		}
	}
	var names []ssmbak.Name
	for name, err := range from.Damaged(ctx, o.target) {
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if possible && len(names) == 0 {
		return []reindexedRow{}, anyIndex(ctx, from, o.target)
	}
	progress := a.NewProgress("reindex")
	defer progress.Close()
	rows := make([]reindexedRow, len(names))
	var mu sync.Mutex
	done := 0
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(reindexParallel)
	for i, name := range names {
		g.Go(func() (err error) {
			rows[i], err = reindexOne(gctx, from, name, o.dryRun)
			if errors.Is(err, archive.ErrNothing) {
				err = nil // a lifecycle rule has expired its objects
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			progress.Set(done, len(names))
			return err
		})
	}
	return rows, g.Wait()
}

// anyIndex returns an error if the archive has no index for the target, so that a
// mistyped name is not reported as intact.
func anyIndex(ctx context.Context, from *archive.Archive, t ssmbak.Target) error {
	if name, _ := t.Name(); from.CheckIndex(ctx, name) == nil {
		return nil
	}
	for _, err := range from.Names(ctx, t) {
		return err
	}
	return shell.KindNotFound.Fail("", "the archive has no records of %s", t)
}

// reindexOne rebuilds one index, or with dry determines whether it is broken. The row
// has errors that only affect this parameter.
func reindexOne(ctx context.Context, from *archive.Archive, name ssmbak.Name, dry bool) (reindexedRow, error) {
	row := reindexedRow{Name: name, Change: indexIntact, Lacks: []string{}}
	var err error
	if dry {
		var damaged *archive.DamagedError
		var lost *archive.MissingIndexError
		if err = from.CheckIndex(ctx, name); errors.As(err, &damaged) || errors.As(err, &lost) {
			row.Change, err = indexDamaged, nil
		}
	} else {
		var r archive.Reindexed
		switch r, err = from.Reindex(ctx, name); {
		case err == nil && r.Rebuilt:
			row = rowOfReindexed(r)
		case err == nil && r.Registered:
			row.Change = indexRegistered
		}
	}
	switch {
	case err == nil:
		return row, nil
	case ctx.Err() != nil, errors.Is(err, archive.ErrNothing):
		return row, err
	}
	row.Change, row.Error, row.Code = indexFailed, new(reason(err)), new(explain(err).CodeName())
	return row, nil
}

func rowOfReindexed(r archive.Reindexed) reindexedRow {
	row := reindexedRow{
		Name: r.Name, Change: indexRebuilt, Versions: r.Versions, Values: r.Values, Legacy: r.Legacy,
		Foreign: r.Foreign, Unreadable: r.Unreadable, Lacks: append([]string{}, r.Missing...),
	}
	if r.Older != "" {
		older, at := r.Older, r.OlderTime.String()
		row.OlderIndex, row.OlderTime = &older, &at
	}
	return row
}

// printReindexed writes one line, or one JSON object, for each index.
func (a *app) printReindexed(rows []reindexedRow) error {
	return a.Data(rows, func(io.Writer) error { return a.Lines(reindexedLines(rows)...) })
}

func reindexedLines(rows []reindexedRow) (lines []string) {
	for _, row := range rows {
		line := row.Change + " " + row.Name.String()
		if row.Error != nil {
			line += ": " + *row.Error
		}
		if row.Change == indexRebuilt {
			line += ": " + origins(row)
		}
		lines = append(lines, line)
	}
	return lines
}

// origins describes the sources of a rebuilt index, and what is missing in it.
func origins(row reindexedRow) string {
	parts := []string{"versions " + fmt.Sprint(row.Versions)}
	if row.OlderTime != nil {
		parts = append(parts, "from the index of "+*row.OlderTime)
	}
	for _, c := range []struct {
		n    int
		what string
	}{
		{row.Values, "values added"}, {row.Legacy, "legacy versions"}, {row.Foreign, "foreign objects"}, {row.Unreadable, "unreadable"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", c.what, c.n))
		}
	}
	text := strings.Join(parts, ", ")
	if len(row.Lacks) > 0 {
		text += "; missing: " + strings.Join(row.Lacks, ", ")
	}
	return text
}
