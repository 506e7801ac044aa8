package health

import (
	"context"
	"fmt"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/timeline"
)

// The kinds of exceptions of a [Completeness].
const (
	Excluded     = "excluded"      // a pattern of names that are not recorded
	OnceExcluded = "once excluded" // a pattern that an earlier listing excluded, until Until
	Missed       = "missed"        // live, but not recorded, until Until: unknown before its first record
	Unsure       = "not compared"  // not compared by the last complete listing
	Failed       = "failed"        // the last listing could not record it
	Hidden       = "hidden"        // its index is hidden
	Damaged      = "damaged"       // its index, or a part of it, cannot be read
	Gap          = "gap"           // changes were never observed
	Unreadable   = "unreadable"    // the value of the version was not recorded
	Expired      = "expired"       // the value of the version was removed by a lifecycle rule or an admin
	Redacted     = "redacted"      // the value of the version was removed on purpose
)

// Exception is something that an archive does not hold.
type Exception struct {
	Kind string
	// Subject is the name of a parameter or, for exclusions, a pattern.
	Subject string
	// Version and Time are those of a version, and Until is when the exception ended; zero if
	// there is none.
	Version int64       `json:",omitzero"`
	Time    ssmbak.Time `json:",omitzero"`
	Until   ssmbak.Time `json:",omitzero"`
	Reason  string      // one clause; it never contains a value
}

// Completeness says what an archive holds of a target, and what it does not hold.
type Completeness struct {
	Account, Region, Bucket string
	Path                    string
	// Since is when recording began, First and CompleteUpTo are when the first and the last
	// complete listing began. Before First, a parameter that was never changed since is
	// unknown. Times are in UTC; zero means not yet.
	Since, First, CompleteUpTo ssmbak.Time
	// Legacy says that the archive has records of the legacy ssmbak, too, and Checked that
	// hidden indexes were looked for.
	Legacy, Checked bool
	// The numbers of parameters with records, of those that are live, and of versions.
	Parameters, Live, Versions int
	// Exceptions are in the order of their kinds, and of the names within a kind.
	Exceptions []Exception
}

// Complete reads what an archive holds of a target. It reads the archive alone, and no
// values, with the requests of [archive.Archive.Held].
func Complete(ctx context.Context, a *archive.Archive, target ssmbak.Target) (Completeness, error) {
	id, exists := a.Identity()
	c := Completeness{Account: id.Account, Region: id.Region, Bucket: a.Bucket(), Path: target.String(), Legacy: id.Legacy, Exceptions: []Exception{}}
	if exists {
		c.Since = timeOf(id.Created)
	}
	r, err := a.Reconciled(ctx)
	if err != nil {
		return c, err
	}
	progress, err := a.Progress(ctx)
	if err != nil {
		return c, err
	}
	c.First, c.CompleteUpTo, c.Checked = timeOf(r.First), timeOf(r.Last), !r.Names.IsZero()
	found := make(map[string][]Exception)
	add := func(e Exception) { found[e.Kind] = append(found[e.Kind], e) }
	within := func(name ssmbak.Name) bool {
		one, possible := target.Name()
		return target.Below(name) || possible && name == one
	}
	for _, p := range r.Excluded {
		add(Exception{Kind: Excluded, Subject: p, Reason: "not recorded: its parameters count as unknown"})
	}
	for _, x := range r.Once {
		add(Exception{Kind: OnceExcluded, Subject: x.Pattern, Until: timeOf(x.Until), Reason: "what was not recorded before is unknown"})
	}
	for _, m := range r.Missed {
		if within(m.Name) {
			add(Exception{Kind: Missed, Subject: m.Name.String(), Until: timeOf(m.Until), Reason: "live, but not recorded: unknown before its first record"})
		}
	}
	for _, name := range r.Unsure {
		if within(name) {
			add(Exception{Kind: Unsure, Subject: name.String(), Reason: "not compared by the last complete listing"})
		}
	}
	for _, name := range progress.Names(func(a archive.Attempt) bool { return a.Failed != "" }) {
		if within(name) {
			add(Exception{Kind: Failed, Subject: name.String(), Time: timeOf(progress.Found[name].Tried), Reason: progress.Found[name].Failed})
		}
	}
	for h, err := range a.Held(ctx, target) {
		if err != nil {
			return c, err
		}
		c.hold(h, add)
	}
	for _, kind := range []string{Excluded, OnceExcluded, Missed, Unsure, Failed, Hidden, Damaged, Gap, Unreadable, Expired, Redacted} {
		c.Exceptions = append(c.Exceptions, found[kind]...)
	}
	return c, nil
}

// hold counts one parameter, and adds what is not held of it.
func (c *Completeness) hold(h archive.Held, add func(Exception)) {
	c.Parameters++
	c.Versions += h.Versions
	if h.Live {
		c.Live++
	}
	of := func(kind, reason string) { add(Exception{Kind: kind, Subject: h.Name.String(), Reason: reason}) }
	if h.Hidden {
		of(Hidden, "its index is missing or has a delete marker: `ssmbak reconcile` restores it")
	}
	if h.Problem != nil {
		of(Damaged, h.Problem.Error())
	}
	if h.Gaps > 0 {
		of(Gap, number(h.Gaps, "time")+" of which changes were never observed: `ssmbak log "+h.Name.String()+"` shows them")
	}
	each := func(kind string, all []timeline.Version, reason func(timeline.Version) string) {
		for _, v := range all {
			add(Exception{Kind: kind, Subject: h.Name.String(), Version: v.Number, Time: v.Time, Reason: reason(v)})
		}
	}
	each(Unreadable, h.Unreadable, func(v timeline.Version) string { return v.Unreadable })
	each(Expired, h.Expired, func(timeline.Version) string { return "its value is no longer in the bucket" })
	each(Redacted, h.Redacted, func(v timeline.Version) string {
		return fmt.Sprintf("at %s by %s", v.Redacted.At.Std().UTC().Format(time.RFC3339), v.Redacted.By)
	})
}
