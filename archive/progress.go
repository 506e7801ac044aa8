package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive/internal/bucket"
)

// Progress is the progress of the last listing of all parameters, and what listings found,
// so that the next reconcile continues where the last one stopped.
type Progress struct {
	// ID identifies the listing. It is "" if there was none.
	ID string
	// Began is when the listing began, UTC, in milliseconds.
	Began time.Time
	// Tags and Labels say whether the listing compares tags and labels.
	Tags, Labels bool
	// Excluded are the patterns of the names that it excludes, sorted.
	Excluded []string
	// Total is the number of parameters that it compares.
	Total int
	// Ended reports whether nothing of the listing is left to be done.
	Ended bool
	// Todo are the parameters that are still to be compared.
	Todo map[ssmbak.Name]Pending
	// Found is the last attempts to record parameters.
	Found map[ssmbak.Name]Attempt

	object bucket.Document[progressDocument]
}

// Pending is the newest version of a parameter in a listing, or zero if the listing did not
// contain the parameter.
type Pending struct {
	Number int64       `json:"number,omitempty"`
	Time   ssmbak.Time `json:"time,omitempty"`
	Type   ssmbak.Type `json:"type,omitempty"`
}

// Attempt is what the last attempt to record a parameter found.
type Attempt struct {
	// Tried is when that was, UTC.
	Tried time.Time `json:"tried,omitzero"`
	// Failed is why the parameter could not be recorded by the listing; Missed reports
	// whether it has no fact.
	Failed string `json:"failed,omitempty"`
	Missed bool   `json:"missed,omitempty"`
	// Unreadable is why the value of its newest version without a value is unavailable.
	Unreadable string `json:"unreadable,omitempty"`
	// Entry is what listings show as long as nothing but that value is to be recorded.
	Entry *CacheEntry `json:"entry,omitempty"`
	// Gap reports whether the listing found a gap.
	Gap bool `json:"gap,omitempty"`
}

// Names returns the sorted names with findings for which keep returns true.
func (p Progress) Names(keep func(Attempt) bool) []ssmbak.Name {
	var all []ssmbak.Name
	for name, f := range p.Found {
		if keep(f) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

const (
	progressFormat = 1
	// maxProgress bounds the uncompressed size of the progress in bytes. That of a larger
	// listing, which no account can have, is not saved.
	maxProgress = 64 << 20
	// progressAge is for how long a listing is continued.
	progressAge = 7 * 24 * time.Hour
)

var progressKind = bucket.Kind[progressDocument]{Format: progressFormat, Gzip: true, Limit: maxProgress, Signed: true, Latest: (*progressDocument).latest}

// progressDocument is the object: one line for the listing, and one line per parameter.
type progressDocument struct {
	Format   int       `json:"format"`
	Reader   int       `json:"reader,omitempty"` // the least format that a program must support to read it
	Writer   string    `json:"writer"`
	ID       string    `json:"id"`
	Began    time.Time `json:"began"`
	Tags     bool      `json:"tags,omitempty"`
	Labels   bool      `json:"labels,omitempty"`
	Excluded []string  `json:"excluded,omitempty"`
	Total    int       `json:"total"`
	Ended    bool      `json:"ended,omitempty"`
	todo     map[ssmbak.Name]Pending
	found    map[ssmbak.Name]Attempt
}

// progressLine is one parameter.
type progressLine struct {
	Name ssmbak.Name `json:"name"`
	Todo *Pending    `json:"todo,omitempty"`
	Attempt
}

// latest returns the greatest time of the document itself.
func (d *progressDocument) latest() ssmbak.Time { return ssmbak.TimeOf(d.Began) }

// ReadLines reads the lines. The error is a [*bucket.NewerError] if only a newer program
// can read them. Any other error says what is wrong with them, or that they take more than
// limit bytes of memory.
func (d *progressDocument) ReadLines(lines *json.Decoder, limit int64) error {
	if err := lines.Decode(d); err != nil {
		return fmt.Errorf("read its first line: %w", err)
	}
	if d.Reader > progressFormat {
		return &bucket.NewerError{Reader: d.Reader, Format: progressFormat}
	}
	if d.Format < 1 || d.ID == "" || d.Began.IsZero() {
		return errors.New("its first line is incomplete")
	}
	d.todo, d.found = make(map[ssmbak.Name]Pending), make(map[ssmbak.Name]Attempt)
	return eachLine(lines, func(line progressLine) error {
		if _, err := ssmbak.ParseName(string(line.Name)); err != nil {
			return err
		}
		if limit -= 2*entrySize + int64(len(line.Name)); limit < 0 {
			return errors.New("it has more names than fit into memory")
		}
		if line.Todo != nil {
			d.todo[line.Name] = *line.Todo
		}
		if line.Attempt != (Attempt{}) {
			d.found[line.Name] = line.Attempt
		}
		return nil
	})
}

// WriteLines writes the lines in the order of the names.
func (d *progressDocument) WriteLines(lines *json.Encoder) error {
	if err := lines.Encode(d); err != nil {
		return err
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(d.todo)), maps.Keys(d.found))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		line := progressLine{Name: name, Attempt: d.found[name]}
		if listed, ok := d.todo[name]; ok {
			line.Todo = &listed
		}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// size returns an upper bound of the uncompressed size in bytes: a name has at most 1,011
// characters, and each line less than 600 others, if reasons are short.
func (d *progressDocument) size() (n int) {
	for name := range d.todo {
		n += len(name) + 120
	}
	for name, f := range d.found {
		n += len(name) + 600 + len(f.Failed) + len(f.Unreadable)
	}
	return n
}

// Progress reads the progress of the last listing. It logs a warning and returns none if
// the object is damaged or claims a later time than that of its write. The error may be a
// [*FormatError].
func (a *Archive) Progress(ctx context.Context) (Progress, error) {
	d, err := a.readProgress(ctx)
	p := Progress{
		ID: d.Value.ID, Began: d.Value.Began, Tags: d.Value.Tags, Labels: d.Value.Labels, Excluded: d.Value.Excluded, Total: d.Value.Total,
		Ended: d.Value.Ended, Todo: d.Value.todo, Found: d.Value.found,
	}
	d.Value = progressDocument{}
	if p.Todo == nil {
		p.Todo, p.Found = make(map[ssmbak.Name]Pending), make(map[ssmbak.Name]Attempt)
	}
	p.object = d
	return p, err
}

func (a *Archive) readProgress(ctx context.Context) (bucket.Document[progressDocument], error) {
	d, err := load(ctx, a, &progressKind, progressKey)
	if d.Invalid {
		a.o.Logger.WarnContext(ctx, "progress of the listing unreadable, a new listing begins", "key", progressKey, "error", err.Error())
		d.Value, err = progressDocument{}, nil
	}
	return d, err
}

// Continues reports whether a listing is still to be continued at a time.
func (p Progress) Continues(now time.Time) bool {
	return p.ID != "" && !p.Ended && now.Sub(p.Began) < progressAge
}

// SaveProgress replaces the progress by compare-and-swap and returns the result, with what
// another writer did in the same listing. The error is [ErrOvertaken] if another writer
// began a later listing.
func (w *Writer) SaveProgress(ctx context.Context, p Progress) (Progress, error) {
	out, err := progressKind.Swap(ctx, w.bucket, progressKey, p.object, func(d bucket.Document[progressDocument]) (progressDocument, bool, error) {
		now := d.Value
		switch {
		case now.ID == p.ID:
			p.merge(now)
		case now.Began.After(p.Began):
			return now, false, ErrOvertaken
		}
		next := progressDocument{
			Format: progressFormat, Writer: w.writer, ID: p.ID, Began: p.Began.UTC().Truncate(time.Millisecond), Tags: p.Tags, Labels: p.Labels,
			Excluded: p.Excluded, Total: p.Total, Ended: p.Ended, todo: p.Todo, found: p.Found,
		}
		if n := next.size(); n > maxProgress {
			return now, false, fmt.Errorf("the progress of the listing has %d bytes, more than %d", n, maxProgress)
		}
		return next, true, nil
	}, w.readProgress)
	out.Value = progressDocument{}
	p.object = out.Document
	return p, err
}

// merge adds what another writer did for the same listing.
func (p *Progress) merge(other progressDocument) {
	maps.DeleteFunc(p.Todo, func(name ssmbak.Name, _ Pending) bool {
		_, todo := other.todo[name]
		return !todo
	})
	for name, f := range other.found {
		if mine, ok := p.Found[name]; !ok || mine.Tried.Before(f.Tried) {
			p.Found[name] = f
		}
	}
	p.Ended = p.Ended || other.Ended
}

// ErrOvertaken means that a later listing than the one to be saved is in progress.
var ErrOvertaken = errors.New("a later listing is in progress")
