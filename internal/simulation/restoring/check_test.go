package restoring

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/simulation"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// since says what changed since the attempt was planned: how many changes its
// run made, and whether users made versions or set tags or labels.
func (s *story) since(a *attempt, name string) (ours int, version_, attribute bool) {
	log := s.AWS.SSM.Truth(name)
	for i := a.marks[name]; i < len(s.owners[name]); i++ {
		switch {
		case s.owners[name][i] == a.run.writer:
			ours++
		case version(log[i]):
			version_ = true
		default:
			attribute = true
		}
	}
	return ours, version_, attribute
}

// checkAttempt holds an attempt against what the emulator remembers.
func (s *story) checkAttempt(a *attempt) {
	may := s.touchable()
	for _, name := range s.names {
		ours, _, _ := s.since(a, name)
		if ours > 0 && !may[name] {
			s.Problem("%s changed %s, which is not part of it", a.what, name)
		}
		if ours > 0 && a.plan != nil && !slices.ContainsFunc(a.plan.Items, func(i plan.Item) bool { return string(i.Name) == name && i.Action.Writes() }) {
			s.Problem("%s changed %s, which its plan does not mean to", a.what, name)
		}
	}
	if s.until != 0 && a.undoes == nil {
		s.checkConflicts(a)
	} else {
		s.checkPlan(a)
	}
	s.checkElsewhere(a)
	s.checkRecord(a)
	if a.undoes != nil && !a.killed {
		s.checkUndone(a)
	}
	if a.killed {
		return // there is no result
	}
	for i := range a.res.Outcomes {
		s.checkOutcome(a, &a.res.Outcomes[i])
	}
}

// checkPlan holds what a plan wants against what was there at the moment.
func (s *story) checkPlan(a *attempt) {
	for i := range a.plan.Items {
		item := &a.plan.Items[i]
		w := item.After
		if a.undoes != nil || !s.sure(a, w.Certainty) {
			continue
		}
		truth := s.was(w.Name)
		if w.Deleted == truth.live {
			s.Problem("%s: %s was there at the moment: %v, and the plan wants it deleted: %v", a.what, w.Name, truth.live, w.Deleted)
			continue
		}
		if w.Deleted {
			continue
		}
		got := s.wanted(w)
		if got.HasValue() && got.Value != truth.Value || !got.made.Equal(truth.made) || got.Version != truth.Version || got.attributes() != truth.attributes() {
			s.Problem("%s: %s %s: the plan wants\n    %v, but it was\n    %v", a.what, w.Certainty, w.Name, got, truth)
		}
		tags, labels := s.sureOf(a, w)
		if tags && !maps.Equal(w.Tags.V, truth.Tags) {
			s.Problem("%s: %s: the plan wants tags %v, but they were %v", a.what, w.Name, w.Tags.V, truth.Tags)
		}
		if labels && !maps.Equal(w.Labels.V, truth.Labels) {
			s.Problem("%s: %s: the plan wants labels %v, but they were %v", a.what, w.Name, w.Labels.V, truth.Labels)
		}
	}
}

// sure reports whether an answer of the archive must be correct.
func (s *story) sure(a *attempt, c ssmbak.Certainty) bool {
	return c == ssmbak.Proved || c == ssmbak.LastKnown && !s.late(a)
}

// sureOf reports whether the tags and labels in an answer of the archive must be correct.
// There is no event for the removal of a label.
func (s *story) sureOf(a *attempt, w ssmbak.State) (tags, labels bool) {
	tags = w.Tags.IsKnown() && !s.lossy && (!s.late(a) || w.Tags.IsProved())
	labels = w.Labels.IsKnown() && !s.lossy && (!s.late(a) || w.Labels.IsProved()) && !s.hadUnlabelled(w.Name)
	return tags, labels
}

// wanted is a state as a snapshot.
func (s *story) wanted(w ssmbak.State) snapshot {
	v := w.Version
	x := snapshot{live: !w.Deleted, made: v.Time.Std()}
	x.set(v.Attributes)
	x.Version, x.Value = v.Number, w.Value.V.Reveal()
	x.Tags, x.Labels = w.Tags.V, w.Labels.V
	for _, c := range s.past(string(w.Name)) {
		if c.Op == "Create" && !c.Time.After(x.made) {
			x.life++
		}
	}
	return x
}

func (x snapshot) HasValue() bool { return x.Value != "" }

func (x snapshot) String() string {
	if !x.live {
		return "nothing"
	}
	value := x.Value
	if len(value) > 30 {
		value = value[:30] + "..."
	}
	return fmt.Sprintf("version %d of life %d: %q %+v tags=%v labels=%v", x.Version, x.life, value, x.attributes(), x.Tags, x.Labels)
}

// checkOutcome holds what one outcome says against what happened.
func (s *story) checkOutcome(a *attempt, out *plan.Outcome) {
	item, name := &out.Item, string(out.Item.Name)
	ours, theirs, theirAttributes := s.since(a, name)
	s.Counts.Add("status " + string(out.Status))
	s.Counts.Add("action " + string(item.Action))
	var idle *restore.NotStartedError
	switch {
	case out.Status == plan.StatusRefused || out.Status == plan.StatusUnchanged || errors.As(out.Err, &idle) && !out.Replaced:
		// If the response of a create was lost and a user wrote before the retry, it
		// looks as if the parameter existed before.
		late := item.Action == plan.ActionCreate && out.Status == plan.StatusRefused && theirs
		if ours > 0 && !late {
			s.Problem("%s: %s was %s (%v), and was changed: %v", a.what, name, out.Status, out.Err, a.after[name])
		}
	case (out.Status == plan.StatusDeleted) != (item.Action == plan.ActionDelete && out.Err == nil && out.Status != plan.StatusUnchanged):
		s.Problem("%s: %s %s is %s", a.what, item.Action, name, out.Status)
	case (out.Status == plan.StatusRestored || out.Status == plan.StatusDeleted) && ours == 0 && !theirs && !theirAttributes:
		s.Problem("%s: %s was %s, and nothing changed", a.what, name, out.Status)
	}
	switch {
	case out.Status == plan.StatusRefused:
		s.checkRefused(a, out, theirs)
		return
	case out.Status == plan.StatusFailed:
		s.checkFailed(a, out, theirs)
		return
	case theirs && ours > 0:
		s.checkOverwritten(a, out)
		return
	case theirs:
		return
	}
	if out.Version != 0 && out.Version != a.after[name].Version {
		s.Problem("%s: %s was restored as version %d, and is version %d", a.what, name, out.Version, a.after[name].Version)
	}
	switch {
	case a.undoes != nil:
	case s.until != 0:
		s.checkReverted(a, out, theirAttributes)
	default:
		s.checkRestored(a, out, theirAttributes)
	}
}

// checkOverwritten finds changes of users that were replaced and not reported.
func (s *story) checkOverwritten(a *attempt, out *plan.Outcome) {
	name := string(out.Item.Name)
	if out.Item.Action == plan.ActionDelete || out.Replaced {
		return // the version numbers do not show it
	}
	log, seen := s.AWS.SSM.Truth(name), false
	for i := a.marks[name]; i < len(log); i++ {
		theirs := s.owners[name][i] == users
		if seen && !theirs && version(log[i]) {
			s.Problem("%s: %s is said to be %s, but replaced what a user did meanwhile", a.what, name, out.Status)
		}
		// The version numbers do not show whether a user deleted the created parameter
		// before the retry.
		unseen := out.Item.Action == plan.ActionCreate && log[i].Op == "Delete"
		seen = (seen || theirs && version(log[i])) && !unseen
	}
}

// checkRestored compares what is live with what was there at the moment.
func (s *story) checkRestored(a *attempt, out *plan.Outcome, theirAttributes bool) {
	item, name := &out.Item, string(out.Item.Name)
	w := item.After
	got, before := a.after[name], a.before[name]
	want := s.wanted(w)
	if s.sure(a, w.Certainty) {
		tags, labels := s.sureOf(a, w)
		if want = s.was(w.Name); !tags {
			want.Tags = w.Tags.V
		}
		if !labels {
			want.Labels = w.Labels.V
		}
	} else if !want.HasValue() {
		want.Value = got.Value // it was not needed
	}
	switch {
	case item.Action == plan.ActionDelete && s.origin != nil && !a.options.Exact:
		s.Problem("%s: %s was deleted, which was %v elsewhere, although only --exact deletes what is only here", a.what, name, want)
	case item.Action == plan.ActionKeep:
		if !before.live || s.sure(a, w.Certainty) && (a.options.Exact || want.live || want.life > 0 && !a.behind && w.Name == item.Name && !s.lossy && s.origin == nil) {
			s.Problem("%s: %s was kept, which was %v, and is %v", a.what, name, want, before)
		}
		return
	case item.Action == plan.ActionNone && !want.live:
		if got.live {
			s.Problem("%s: nothing had to be done about %s, but it is %v", a.what, name, got)
		}
		return
	}
	k := knowledge{
		tags: w.Tags.IsKnown() && !theirAttributes, labels: w.Labels.IsKnown() && !theirAttributes, keyID: a.keyOf(want.KeyID), now: a.began,
		wrote: out.Version != 0, replace: a.options.Replace, replaced: out.Replaced, moved: w.Name != item.Name || s.origin != nil, notices: strings.Join(item.Notices, "\n"),
	}
	if !want.live {
		k.tags, k.labels = true, true
	}
	if a.options.ManyReads < 0 && item.Before != nil && s.excuse(a, item, before, &want) && k.labels && k.moved {
		// The numbers are those of the versions here, not of those that are restored.
		k.labels = false
		for label, number := range before.Labels {
			if got.Labels[label] != number && number > got.Version-100 {
				s.Problem("%s: %s %s: label %s, which was not read, is on version %d instead of %d", a.what, out.Status, name, label, got.Labels[label], number)
			}
		}
	}
	if problems := s.compare(got, want, before, k); len(problems) > 0 {
		s.Problem("%s: %s %s %s, but %s\n    it was at the moment %v\n    before the restore   %v\n    and is now           %v", a.what, out.Status, item.Action, name, strings.Join(problems, "; "), want, before, got)
	}
	if !w.Tags.IsKnown() && !theirAttributes && want.live {
		kept := before.Tags
		if !before.live {
			kept = nil
		}
		if !maps.Equal(got.Tags, kept) {
			s.Problem("%s: %s %s: tags are not known, and became %v instead of %v", a.what, out.Status, name, got.Tags, before.Tags)
		}
	}
}

// checkRefused demands a reason that is true.
func (s *story) checkRefused(a *attempt, out *plan.Outcome, theirs bool) {
	item, name, why := &out.Item, string(out.Item.Name), out.Err.Error()
	before, after := a.before[name], a.after[name]
	is := func(corner string, holds bool) {
		s.Counts.Add(corner)
		if !holds {
			s.Problem("%s: %s %s was refused: %s; it is %v", a.what, item.Action, name, why, after)
		}
	}
	list := func(t string) bool { return t == "StringList" }
	switch {
	case item.Action == plan.ActionSkip:
		lacks := strings.HasPrefix(item.Reason, "its value is unavailable")
		is("unknown", a.undoes == nil && (s.origin == nil || s.origin.behind || !lacks))
	case strings.HasPrefix(why, "it was created since the plan"):
		is("refused: created since the plan", !before.live && theirs)
	case strings.HasPrefix(why, "it was changed since the plan"):
		is("refused: changed since the plan", before.live && theirs)
	case strings.HasPrefix(why, "it was deleted since the plan"):
		is("refused: deleted since the plan", before.live && theirs)
	case strings.HasPrefix(why, "its tags or labels changed since the plan"):
		_, _, attributes := s.since(a, name)
		is("refused: tags or labels changed since the plan", s.until != 0 && (attributes || theirs))
	case strings.HasPrefix(why, "its tags and labels could not be read again"):
		is("refused: tags and labels not read", (s.until != 0 || a.options.ManyReads < 0) && !a.calm)
	case strings.HasPrefix(why, "its tags are not as they were recorded"):
		_, _, attributes := s.since(a, name)
		is("refused: tags not as recorded", a.options.ManyReads < 0 && (attributes || theirs || !s.upToDate(a, name)))
	case strings.HasPrefix(why, "its expiration has passed"):
		_, expired := alive(before.Policies, a.began)
		is("refused: expired", s.until != 0 && expired)
	case strings.Contains(why, "does not change its type"):
		is("refused: type", !a.options.Replace && (list(before.Type) || list(string(item.After.Version.Type))) && before.Type != string(item.After.Version.Type))
	case strings.HasPrefix(why, "its data type is"):
		is("refused: data type", !a.options.Replace && validated(before.DataType, item.After.Version.DataType) && before.DataType != "text")
	case strings.HasPrefix(why, "its KMS key") && strings.Contains(why, "is that of account "+otherAccount+" in "+otherRegion):
		is("refused: key of the other account", s.origin != nil && a.undoes == nil && a.keyOf(item.After.Version.KeyID) == "")
	case a.undoes != nil && strings.HasPrefix(why, "whether the restore wrote this version is not known, since"):
		is("undo refused: value", s.disabled || !a.calm)
	case strings.Contains(why, "KMS key"):
		is("refused: key", s.disabled)
	case strings.Contains(why, "which prevents a new version"):
		_, blocked := oldestLabel(before)
		is("refused: oldest labelled", blocked)
	case strings.Contains(why, "not in the archive"):
		is("refused: not in the archive", s.disabled || !a.calm)
	case a.undoes != nil && strings.HasPrefix(why, "it was changed since the restore"):
		s.Counts.Add("undo refused: changed")
	case a.undoes != nil && strings.HasPrefix(why, "it was deleted since the restore"):
		s.Counts.Add("undo refused: deleted")
	default:
		is("refused: other", false)
	}
}

// checkFailed checks that nothing fails without faults except because of a key, and that a
// parameter that was put back is unchanged.
func (s *story) checkFailed(a *attempt, out *plan.Outcome, theirs bool) {
	name, why := string(out.Item.Name), out.Err.Error()
	if a.calm && !s.disabled && !theirs {
		s.Problem("%s: %s %s failed: %s", a.what, out.Item.Action, name, why)
	}
	if strings.Contains(why, "overwrote a concurrent change") {
		s.Counts.Add("overwrote a concurrent change")
		if !theirs {
			s.Problem("%s: %s: %s; but no user changed it", a.what, name, why)
		}
	}
	if strings.Contains(why, "was restored as version") && !theirs {
		s.Counts.Add("put back after a failed create")
		before := a.before[name]
		k := knowledge{tags: true, labels: true, now: a.began, wrote: true, moved: true}
		if problems := s.compare(a.after[name], before, before, k); len(problems) > 0 {
			s.Problem("%s: %s: %s; but %s\n    it was %v\n    and is %v", a.what, name, why, strings.Join(problems, "; "), before, a.after[name])
		}
	}
}

// checkRecord demands that all that was changed can be taken back.
func (s *story) checkRecord(a *attempt) {
	if s.alone && a.id != "" {
		s.Problem("%s is recorded, in an archive that it was not given", a.what)
	}
	if a.run.wrote > 0 && a.id == "" && !s.alone {
		s.Problem("%s changed something and is not recorded", a.what)
	}
	if a.id == "" {
		return
	}
	if a.res.ID != a.id && a.res.ID != "" {
		s.Problem("%s says that its record is %s, but it is %s", a.what, a.res.ID, a.id)
	}
	rec, err := s.account.Archive.RestoreRecord(s.account.Context(), a.id)
	if err != nil {
		s.Problem("%s: its record: %v", a.what, err)
		return
	}
	for _, name := range s.names {
		ours, _, _ := s.since(a, name)
		i := slices.IndexFunc(rec.Items, func(x plan.DocumentItem) bool { return string(x.Name) == name })
		if ours > 0 && i < 0 {
			s.Problem("%s changed %s, which its record does not name", a.what, name)
		}
	}
	if a.killed || a.res.ID == "" || a.res.Unrecorded != nil {
		return // or it could not hear that it is recorded
	}
	if rec.Ended.IsZero() || rec.By != a.options.By || rec.Arguments != a.options.Arguments {
		s.Problem("%s: its record says that it was made by %q with %q and ended at %s", a.what, rec.By, rec.Arguments, rec.Ended)
	}
	for _, x := range rec.Items {
		out := a.outcome(string(x.Name))
		if out == nil || x.Status != out.Status || x.Written != out.Version || x.Action != out.Item.Action || (x.Error == "") != (out.Err == nil) {
			s.Problem("%s: its record says of %s: %s %s, version %d, %s", a.what, x.Name, x.Status, x.Action, x.Written, x.Error)
		}
	}
}

// checkUndone compares the live parameters with those before the restore that was undone.
func (s *story) checkUndone(a *attempt) {
	of := a.undoes
	for _, name := range s.names {
		log := s.AWS.SSM.Truth(name)
		var wrote, attributes, mixed bool // by the restore; by users
		last := of.run.writer             // the owner of the current version
		for i := of.marks[name]; i < a.marks[name]; i++ {
			owner := s.owners[name][i]
			if slices.Contains(a.also, owner) {
				continue
			}
			wrote = wrote || owner == of.run.writer
			if !version(log[i]) {
				attributes = attributes || owner != of.run.writer
				continue
			}
			mixed = mixed || owner != of.run.writer
			last = owner
		}
		ours, theirs, theirAttributes := s.since(a, name)
		out := a.outcome(name)
		switch {
		case last == users && ours > 0 && !a.before[name].live && deletes(of, name):
			// It is unknown who deleted it.
		case last == users && ours > 0:
			s.Problem("%s changed %s, which a user changed since: %v", a.what, name, a.before[name])
		case last != of.run.writer, mixed, theirs, attributes, theirAttributes:
			// It can be refused, or differ.
		case wrote && out == nil:
			s.Problem("%s skips %s, which was changed", a.what, name)
		case wrote && out.Status == plan.StatusRefused:
			if why := out.Err.Error(); strings.HasPrefix(why, "it was changed since the restore") || strings.HasPrefix(why, "it was deleted since") {
				s.Problem("%s: %s was refused: %s; but no user changed it:\n    before that restore %v\n    before the undo     %v", a.what, name, why, of.before[name], a.before[name])
			}
		case out != nil && out.Status == plan.StatusFailed: // checked where it is
		default:
			k := knowledge{tags: true, labels: true, now: a.began, wrote: out != nil && out.Version != 0, replace: a.options.Replace, replaced: out != nil && out.Replaced}
			if problems := s.compare(a.after[name], of.before[name], a.before[name], k); len(problems) > 0 && wrote {
				s.Problem("%s: %s: %s\n    before that restore %v\n    before the undo     %v\n    after the undo      %v", a.what, name, strings.Join(problems, "; "), of.before[name], a.before[name], a.after[name])
			}
		}
	}
}

// deletes reports whether the attempt was to delete the parameter, or may have.
func deletes(a *attempt, name string) bool {
	return slices.ContainsFunc(a.plan.Items, func(i plan.Item) bool {
		return string(i.Name) == name && (i.Action == plan.ActionDelete || i.Action == plan.ActionReplace || a.options.Replace)
	})
}

// secrets looks for values where none may be.
func (s *story) secrets(attempts ...*attempt) {
	if bytes.Contains(s.log.buf.Bytes(), []byte(secretMark)) {
		i := bytes.Index(s.log.buf.Bytes(), []byte(secretMark))
		s.Problem("the log holds a value: %s", s.log.buf.Bytes()[max(0, i-200):i+10])
	}
	for _, a := range attempts {
		if a == nil {
			continue
		}
		if text := fmt.Sprintf("%+v %+v", a.plan, a.res); strings.Contains(text, secretMark) {
			s.Problem("%s: the plan or the result prints a value", a.what)
		}
		for _, out := range a.res.Outcomes {
			if out.Err != nil && strings.Contains(out.Err.Error(), secretMark) {
				s.Problem("%s: an error holds a value: %v", a.what, out.Err)
			}
		}
	}
	all, _, err := s.account.Archive.RestoreRecords(s.account.Context(), 0)
	s.account.Must(err)
	client := s.account.Connect(s.AWS.Client()).S3()
	for _, rec := range all {
		key := ".ssmbak/restores/" + rec.ID
		for _, v := range s.AWS.S3.Versions(simulation.Bucket, key) {
			object, err := client.GetObject(s.account.Context(), &s3.GetObjectInput{Bucket: aws.String(simulation.Bucket), Key: &key, VersionId: &v.VersionID})
			s.account.Must(err)
			zip, err := gzip.NewReader(object.Body)
			s.account.Must(err)
			text, err := io.ReadAll(zip)
			s.account.Must(err)
			if bytes.Contains(text, []byte(secretMark)) {
				s.Problem("the record %s holds a value", rec.ID)
			}
		}
	}
}
