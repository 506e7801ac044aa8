package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// The keys of a record's Account.
const (
	AnswerUnlabelEvents = "unlabelEvents"         // yes or no: an event reports a removed label
	AnswerTagEvents     = "tagEvents"             // yes or no: an event reports a changed tag
	AnswerFirstVersion  = "versionAfterRecreate"  // the number of a recreated parameter's version
	AnswerWhiteSpace    = "whiteSpaceKept"        // yes or no: in values
	AnswerReadLag       = "readAfterWriteSeconds" // the longest time until a read showed a write
	AnswerTimesIncrease = "versionTimesIncrease"  // yes or no: within one life
)

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// learn answers questions by a version that was read after it was written.
func (r *run) learn(kind string, w paramstore.Write, v paramstore.Version) {
	answers := r.record.Account
	if w.Name != Names[0] {
		return
	}
	kept := v.Value.V.Equal(w.Value)
	answers[AnswerWhiteSpace] = yes(kept && answers[AnswerWhiteSpace] != "no")
	switch kind {
	case Update:
		for _, s := range r.steps {
			if s.Kind == Create && s.Name == w.Name {
				answers[AnswerTimesIncrease] = yes(v.Time.Std().After(s.Sent.Add(r.ahead)))
			}
		}
	case Recreate:
		answers[AnswerFirstVersion] = strconv.FormatInt(v.Number, 10)
	}
}

// judge turns steps that were not recorded into problems and answers.
func (r *run) judge() {
	tags, tagged := false, false
	for _, s := range r.steps {
		switch {
		case s.Sent.IsZero():
			if s.done { // the time of all steps was over
				r.problem("%s was not tried: the test ran out of time", s.Kind)
			}
			continue
		case s.Recorded:
		case Documented(s.Kind):
			r.problem("%s of %s was not recorded within %s", s.Kind, s.Name, (time.Duration(s.Waited) * time.Millisecond).Round(time.Second))
		}
		switch s.Kind {
		case Unlabel:
			r.record.Account[AnswerUnlabelEvents] = yes(s.Recorded)
		case Tag, Untag:
			tags, tagged = true, tagged || s.Recorded
		}
	}
	if tags {
		r.record.Account[AnswerTagEvents] = yes(tagged)
	}
	r.record.Account[AnswerReadLag] = strconv.FormatFloat(r.seen.Seconds(), 'f', 1, 64)
}

// restore restores the parameters to a time before the last changes, and compares them
// with what they were then.
func (r *run) restore(ctx context.Context, at ssmbak.Time) error {
	target, err := ssmbak.ParseTarget(archive.TestPath, false)
	if err != nil {
		return err
	}
	o := restore.Options{
		Options: plan.Options{Own: true}, By: r.o.By, Logger: r.o.Logger, Arguments: "ssmbak-stack test " + r.record.ID,
	}
	for _, name := range Names { // others may have parameters below the path
		o.Only = append(o.Only, string(name))
	}
	restorer := restore.New(r.archive, r.live, r.sync, o)
	todo, err := restorer.Plan(ctx, target, at)
	if err != nil {
		return fmt.Errorf("plan a restore of %s to %s: %w", archive.TestPath, at, err)
	}
	result, err := restorer.Apply(ctx, todo)
	if err != nil {
		return fmt.Errorf("restore %s to %s: %w", archive.TestPath, at, err)
	}
	for i, outcome := range result.Outcomes {
		if outcome.Err != nil {
			r.problem("%s was not restored: %v", todo.Items[i].Name, outcome.Err)
		}
	}
	differences, err := r.compare(ctx)
	if err != nil {
		return err
	}
	for _, d := range differences {
		r.problem("after a restore to %s, %s", at, d)
	}
	r.record.Restored = len(differences) == 0
	return wait(ctx, apart) // the removal shares no second with what was restored
}

// compare returns what distinguishes the live parameters from what they were before the
// last stage, as the test itself wrote them. Reads may be late.
func (r *run) compare(ctx context.Context) (differences []string, err error) {
	const patience = 10 * time.Second
	for began := time.Now(); ; {
		if differences, err = r.differences(ctx); err != nil || len(differences) == 0 || time.Since(began) > patience {
			return differences, err
		}
		if err := wait(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

func (r *run) differences(ctx context.Context) (all []string, err error) {
	recorded := make(map[string]bool)
	for _, s := range r.steps {
		recorded[s.Kind] = s.Recorded
	}
	for _, name := range Names {
		want := r.write(Create, name)
		if name == Names[0] {
			want = r.write(Update, name)
		}
		h, err := r.live.DecryptedHistory(ctx, name)
		if err != nil {
			return nil, err
		}
		tags, err := r.live.Tags(ctx, name)
		if err != nil {
			return nil, err
		}
		got := h.Newest()
		wantLabels, wantTags := map[string]int64{}, map[string]string{}
		if name == Names[1] {
			wantLabels[label] = 1
		}
		if name == Names[2] {
			wantTags[tagKey] = tagValue
		}
		// Without both events, the state in between may be unknown, which a restore leaves.
		labelled, tagged := recorded[Label] && recorded[Unlabel], recorded[Tag] && recorded[Untag]
		var differ []string
		for what, same := range map[string]bool{
			"value": got.Value.V.Equal(want.Value), "type": got.Type == want.Attributes.Type, "description": got.Description == want.Attributes.Description,
			"labels": !labelled || maps.Equal(h.Labels(), wantLabels), "tags": !tagged || maps.Equal(tags, wantTags),
		} {
			if !same {
				differ = append(differ, what)
			}
		}
		if len(differ) > 0 {
			slices.Sort(differ)
			all = append(all, fmt.Sprintf("%s differs in %s", name, strings.Join(differ, ", ")))
		}
	}
	return all, nil
}
