package restore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak"
	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/internal/testkit/testworld"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

func advancedTier(in *ssm.PutParameterInput) { in.Tier = types.ParameterTierAdvanced }

func stringList(in *ssm.PutParameterInput) { in.Type = types.ParameterTypeStringList }

// full returns everything about the live parameters. Labels are shown with the value of
// their version, because version numbers start at 1 in a new life.
func (w *world) full() map[string]string {
	w.Helper()
	out := w.state()
	for name := range out {
		values := make(map[int64]string)
		for _, c := range w.AWS.SSM.Truth(name) {
			if c.Op == "Create" {
				clear(values)
			}
			values[c.Version] = c.Value
		}
		labels := make(map[string]string)
		for label, n := range w.labels(name) {
			labels[label] = values[n]
		}
		out[name] += fmt.Sprintf(" labels=%v", labels)
	}
	return out
}

// replaceable creates /p, which only a replacement can restore: it was a Standard parameter
// at the returned time and is an Advanced one now.
func (w *world) replaceable(until ...func(*ssm.PutParameterInput)) (then ssmbak.Time) {
	w.Helper()
	w.put("/p", "zero")
	w.put("/p", "one", until...)
	w.label("/p", 2, "blue")
	w.pass()
	w.tag("/p", "env", "prod")
	w.Record()
	then = w.pass()
	w.put("/p", "two", advancedTier, func(in *ssm.PutParameterInput) {
		in.Policies = aws.String(`[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}]`)
	})
	w.tag("/p", "env", "dev")
	w.tag("/p", "team", "a")
	w.label("/p", 3, "green")
	w.Record()
	w.pass()
	return then
}

func TestReplaceTier(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{SSM: ssmapi.Options{RecreateWait: 30 * time.Second}}, func(w *world) {
		then := w.replaceable()
		before := w.full()
		p := w.plan("/p", false, then, restore.Options{})
		if got, want := actions(p)[0], "update /p: value, policies, tag env, tag team, label green"; got != want || p.NeedsConfirmation() {
			t.Errorf("without --replace: got %s, want %s", got, want)
		}
		if got := notices(p); !strings.Contains(got, "its tier stays Advanced") || !strings.Contains(got, "--replace") {
			t.Errorf("without --replace: notices %q", got)
		}

		o := restore.Options{Options: plan.Options{Replace: true}}
		p = w.plan("/p", false, then, o)
		if got := p.Items[0].Action; got != plan.ActionReplace || !p.NeedsConfirmation() {
			t.Fatalf("with --replace: got %s", got)
		}
		if got := notices(p); !strings.Contains(got, "its version numbers start at 1 again") || strings.Contains(got, "its tier stays") {
			t.Errorf("with --replace: notices %q", got)
		}
		start := time.Now()
		res := w.restored(p, o)
		if took := time.Since(start); took < 30*time.Second || took > 31*time.Second {
			t.Errorf("it did not exist for %s", took)
		}
		out := res.Outcomes[0]
		if got, want := results(res.Outcomes)[0], "restored replace /p version 1"; got != want || !out.Replaced {
			t.Errorf("got %s (%v), want %s", got, out.Err, want)
		}
		want := `String "one" key="" tier=Standard data=text description="" pattern="" policies= tags=map[env:prod] labels=map[blue:one]`
		if got := w.full()["/p"]; got != want {
			t.Errorf("left\n%s, want\n%s", got, want)
		}
		w.Record()
		w.pass()
		if got := actions(w.plan("/p", false, then, o))[0]; got != "none /p" {
			t.Errorf("new plan: %s", got)
		}
		w.undo(res.ID, restore.Options{})
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("state after the undo (-got +want):\n%s", diff)
		}
	})
}

// TestReplaceTierAlone checks that a different tier alone is restored only with Replace.
func TestReplaceTierAlone(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/p", "one")
		w.Record()
		then := w.pass()
		w.put("/p", "one", advancedTier)
		w.Record()
		w.pass()
		p := w.plan("/p", false, then, restore.Options{})
		if got := actions(p)[0]; got != "none /p" || !strings.Contains(notices(p), "its tier stays Advanced") {
			t.Errorf("without --replace: got %s with notices %q", got, notices(p))
		}
		p = w.plan("/p", false, then, restore.Options{Options: plan.Options{Replace: true}})
		if got := actions(p)[0]; got != "replace /p" {
			t.Errorf("with --replace: got %s", got)
		}
	})
}

// TestReplaceFails injects faults after the parameter was deleted.
func TestReplaceFails(t *testing.T) {
	t.Parallel()
	theirs := func(w *world) emulator.Fault { w.put("/p", "theirs"); return emulator.Fault{} }
	wanted := `String "one" key="" tier=Standard data=text description="" pattern="" policies= tags=map[env:prod] labels=map[blue:one]`
	there := `String "two" key="" tier=Advanced data=text description="" pattern="" policies=[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}] ` +
		`tags=map[env:dev team:a] labels=map[green:two]`
	foreign := `String "theirs" key="" tier=Standard data=text description="" pattern="" policies= tags=map[] labels=map[]`
	broken := emulator.Fault{Status: http.StatusInternalServerError, Code: "InternalServerError"}
	tests := []struct {
		name  string
		until func(*ssm.PutParameterInput)
		// fault returns the fault of the nth request of the operation, from 1.
		op     string
		fault  func(w *world, n int) emulator.Fault
		status string
		err    []string
		left   string
		after  string // state after the undo, if it is not the state before
	}{
		{
			name: "its key is disabled", until: secureString("alias/old"),
			status: "failed replace /p version 1",
			err:    []string{"replace /p: it could not be recreated, and its previous state was restored as version 1", "its KMS key alias/old", "--key-id"},
			left:   there,
		},
		{
			name: "it is throttled for minutes", op: "PutParameter",
			fault: func(_ *world, n int) emulator.Fault {
				if n <= 10 {
					return emulator.Throttled
				}
				return emulator.Fault{}
			},
			status: "restored replace /p version 1", left: wanted,
		},
		{
			name: "it fails for minutes", op: "PutParameter",
			fault: func(_ *world, n int) emulator.Fault {
				if n <= 10 {
					return broken
				}
				return emulator.Fault{}
			},
			status: "failed replace /p version 1", err: []string{"its previous state was restored as version 1", "InternalServerError"}, left: there,
		},
		{
			name: "it always fails", op: "PutParameter",
			fault:  func(*world, int) emulator.Fault { return broken },
			status: "failed replace /p", err: []string{"replace /p: it is deleted: it could not be recreated", "and its previous state could not be restored"},
			after: there,
		},
		{
			name: "another user creates it meanwhile", op: "PutParameter",
			fault: func(w *world, n int) emulator.Fault {
				if n == 1 {
					return theirs(w)
				}
				return emulator.Fault{}
			},
			status: "failed replace /p", err: []string{"replace /p: it was deleted and not recreated: it was created since the plan was made: "}, left: foreign, after: foreign,
		},
		{
			name: "its key is disabled and another user creates it meanwhile", until: secureString("alias/old"), op: "PutParameter",
			fault: func(w *world, n int) emulator.Fault {
				if n == 2 {
					return theirs(w)
				}
				return emulator.Fault{}
			},
			status: "failed replace /p", err: []string{"its KMS key alias/old", "it was created since the plan was made: "}, left: foreign, after: foreign,
		},
		{
			name: "the response to its creation is lost", op: "PutParameter",
			fault: func(_ *world, n int) emulator.Fault {
				return emulator.Fault{LostAfter: n == 1, LostBefore: n > 1 && n <= 10}
			},
			status: "restored replace /p version 1", left: wanted,
		},
		{
			name: "the response to its deletion is lost", op: "DeleteParameters",
			fault:  func(_ *world, n int) emulator.Fault { return emulator.Fault{LostAfter: n == 1, LostBefore: n > 1} },
			status: "restored replace /p version 1", left: wanted,
		},
		{
			name: "its deletion is denied", op: "DeleteParameters",
			fault:  func(*world, int) emulator.Fault { return emulator.DeniedBySSM },
			status: "failed replace /p", err: []string{"replace /p: delete /p: ", "AccessDenied"}, left: "as it was",
		},
		{
			name: "its labels are denied", op: "LabelParameterVersion",
			fault:  func(*world, int) emulator.Fault { return emulator.DeniedBySSM },
			status: "failed replace /p version 1", err: []string{"replace /p: version 1 was written, its labels were not: "}, left: strings.Replace(wanted, "blue:one", "", 1),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				var then ssmbak.Time
				if test.until == nil {
					then = w.replaceable()
				} else {
					then = w.replaceable(test.until)
				}
				w.AWS.SSM.DisableKey("alias/old")
				o, before := restore.Options{Options: plan.Options{Replace: true}}, w.full()
				p := w.plan("/p", false, then, o)
				if p.Items[0].Action != plan.ActionReplace {
					t.Fatalf("plan: %v", actions(p))
				}
				n := 0
				w.before = func(op string) emulator.Fault {
					if op != test.op {
						return emulator.Fault{}
					}
					n++
					return test.fault(w, n)
				}
				res := w.restored(p, o)
				w.before = nil
				if got := results(res.Outcomes)[0]; got != test.status {
					t.Errorf("got %s, want %s", got, test.status)
				}
				text := errs(res.Outcomes)
				for _, part := range test.err {
					if !strings.Contains(text, part) {
						t.Errorf("error without %q:\n%s", part, text)
					}
				}
				if len(test.err) == 0 && text != "" {
					t.Errorf("error: %s", text)
				}
				left := test.left
				if left == "as it was" {
					left = before["/p"]
				}
				if got := w.full()["/p"]; got != left {
					t.Errorf("left\n%s, want\n%s", got, left)
				}
				w.Record()
				w.pass()
				w.undo(res.ID, restore.Options{})
				after := test.after
				if after == "" {
					after = there
				}
				// Older versions and their labels no longer exist.
				if got := w.full()["/p"]; got != after && got != before["/p"] {
					t.Errorf("the undo left\n%s, want\n%s", got, after)
				}
			})
		})
	}
}

// rewriting changes the body of each request to Parameter Store and of its
// answer, and shows each request to see.
type rewriting struct {
	aws.HTTPClient
	request, answer *strings.Replacer
	see             func(op, body string)
}

func (c rewriting) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	text := c.request.Replace(string(body))
	if c.see != nil {
		c.see(ssmapi.Operation(r), text)
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	out, err := c.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	if body, err = io.ReadAll(out.Body); err != nil {
		return nil, err
	}
	text = c.answer.Replace(string(body))
	out.Body, out.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	return out, nil
}

// TestReplaceImage checks that the previous state is restored if the image is not usable,
// which Parameter Store detects after it has answered.
func TestReplaceImage(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{SSM: ssmapi.Options{ImageDelay: 5 * time.Second}}, func(w *world) {
		w.put("/p", "ami-12345678", func(in *ssm.PutParameterInput) { in.DataType = aws.String("aws:ec2:image") })
		w.pass()
		w.Record()
		then := w.pass()
		w.remove("/p") // a data type does not change in place
		w.pass()
		w.put("/p", "one", advancedTier)
		w.put("/p", "two", advancedTier)
		w.label("/p", 2, "blue")
		w.Record()
		w.pass()
		before := w.full()
		live := paramstore.New(w.Connect(rewriting{HTTPClient: w.AWS.Client(), request: strings.NewReplacer("ami-12345678", "ami-gone"), answer: strings.NewReplacer()}).SSM(), paramstore.Options{})
		r := restore.New(w.Archive, live, w.Recorder, restore.Options{Options: plan.Options{Replace: true}})
		p, err := r.Plan(w.Context(), testworld.Target(w, "/p", false), then)
		w.Must(err)
		res, err := r.Apply(w.Context(), p)
		w.Must(err)
		if got := results(res.Outcomes)[0]; got != "failed replace /p version 1" || !strings.Contains(errs(res.Outcomes), "AWS accepted the write but did not store it") {
			t.Errorf("got %s: %s", got, errs(res.Outcomes))
		}
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("state (-got +want):\n%s", diff)
		}
	})
}

// TestReplaceType restores a type that Parameter Store does not change in place.
func TestReplaceType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		was, is  func(*ssm.PutParameterInput)
		inPlace  bool
		wantType string
	}{
		{name: "to a StringList", was: stringList, is: func(*ssm.PutParameterInput) {}, wantType: "StringList"},
		{name: "from a StringList", was: func(*ssm.PutParameterInput) {}, is: stringList, wantType: "String"},
		{name: "from a StringList to a secret", was: secureString("alias/app"), is: stringList, wantType: "SecureString"},
		{name: "from a secret", was: func(*ssm.PutParameterInput) {}, is: secureString("alias/app"), inPlace: true, wantType: "String"},
		{name: "to a secret", was: secureString("alias/app"), is: func(*ssm.PutParameterInput) {}, inPlace: true, wantType: "SecureString"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				w.put("/p", "a,b", test.was)
				w.label("/p", 1, "blue")
				w.pass()
				w.tag("/p", "env", "prod")
				w.Record()
				then := w.pass()
				want := w.full()
				w.remove("/p")
				time.Sleep(5 * time.Second)
				w.put("/p", "c,d", test.is)
				w.label("/p", 1, "green")
				w.pass()
				w.tag("/p", "env", "dev")
				w.Record()
				w.pass()
				before := w.full()

				p := w.plan("/p", false, then, restore.Options{})
				if p.Items[0].Action != plan.ActionUpdate || p.NeedsConfirmation() {
					t.Errorf("without --replace: %v", actions(p))
				}
				if !test.inPlace {
					out := w.restored(p, restore.Options{}).Outcomes[0]
					if out.Status != plan.StatusRefused || !strings.Contains(fmt.Sprint(out.Err), "Parameter Store does not change its type to "+test.wantType+" in place; --replace ") {
						t.Errorf("without --replace: %s (%v)", out.Status, out.Err)
					}
					if diff := cmp.Diff(w.full(), before); diff != "" {
						t.Errorf("without --replace (-got +want):\n%s", diff)
					}
				}

				o := restore.Options{Options: plan.Options{Replace: true}}
				p = w.plan("/p", false, then, o)
				if p.Items[0].Action != plan.ActionUpdate || !p.NeedsConfirmation() || !strings.Contains(notices(p), "if Parameter Store refuses to change its type in place, it is deleted and recreated") {
					t.Errorf("with --replace: %v, notices %q", actions(p), notices(p))
				}
				res := w.restored(p, o)
				out := res.Outcomes[0]
				if out.Status != plan.StatusRestored || out.Replaced == test.inPlace || out.Version != w.number("/p") {
					t.Errorf("with --replace: %s, replaced %v, version %d (%v)", out.Status, out.Replaced, out.Version, out.Err)
				}
				if diff := cmp.Diff(w.full(), want); diff != "" {
					t.Errorf("with --replace (-got +want):\n%s", diff)
				}
				w.Record()
				w.pass()
				text := errs(w.undo(res.ID, o).Outcomes)
				if diff := cmp.Diff(w.full(), before); diff != "" {
					t.Errorf("after the undo (%s) (-got +want):\n%s", text, diff)
				}
			})
		})
	}
}

// TestReplaceInterrupted interrupts a restore while the parameter is deleted.
func TestReplaceInterrupted(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		then := w.replaceable()
		o := restore.Options{Options: plan.Options{Replace: true}}
		p := w.plan("/p", false, then, o)
		ctx, cancel := context.WithCancel(w.Context())
		defer cancel()
		w.once("DeleteParameters", func() emulator.Fault { time.AfterFunc(10*time.Second, cancel); return emulator.Fault{} })
		res, err := w.restorer(o).Apply(ctx, p)
		w.Must(err)
		w.Must(res.Unrecorded)
		if got := results(res.Outcomes)[0]; got != "restored replace /p version 1" || ctx.Err() == nil {
			t.Errorf("got %s (%v)", got, res.Outcomes[0].Err)
		}
	})
}

// TestReplaceInterruptedForLong interrupts a restore whose Recreation is longer than the
// time in which other parameters must be completed. A deleted parameter is always created
// again, with its tags and labels.
func TestReplaceInterruptedForLong(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		then := w.replaceable()
		o := restore.Options{Options: plan.Options{Replace: true}, Recreation: time.Hour}
		p := w.plan("/p", false, then, o)
		ctx, cancel := context.WithCancel(w.Context())
		defer cancel()
		w.once("DeleteParameters", func() emulator.Fault { cancel(); return emulator.Fault{} })
		var absences []string
		o.Away = func(a restore.Absence) {
			absences = append(absences, fmt.Sprintf("%s %v %v", a.Name, a.Until != 0, a.Over))
		}
		res, err := w.restorer(o).Apply(ctx, p)
		w.Must(err)
		w.Must(res.Unrecorded)
		if got := results(res.Outcomes)[0]; got != "restored replace /p version 1" {
			t.Errorf("got %s (%v)", got, res.Outcomes[0].Err)
		}
		want := `String "one" key="" tier=Standard data=text description="" pattern="" policies= tags=map[env:prod] labels=map[blue:one]`
		if got := w.full()["/p"]; got != want {
			t.Errorf("left\n%s, want\n%s", got, want)
		}
		if diff := cmp.Diff(absences, []string{"/p false false", "/p true false", "/p false true"}); diff != "" {
			t.Errorf("absences (-got +want):\n%s", diff)
		}
	})
}

// TestReplaceInterruptedBefore interrupts a restore before the deletion was sent, because
// it waits for the rate limit or was throttled.
func TestReplaceInterruptedBefore(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		then := w.replaceable()
		before := w.full()
		o := restore.Options{Options: plan.Options{Replace: true}}
		p := w.plan("/p", false, then, o)
		ctx, cancel := context.WithCancel(w.Context())
		defer cancel()
		w.once("DeleteParameters", func() emulator.Fault { cancel(); return emulator.Throttled })
		res, err := w.restorer(o).Apply(ctx, p)
		w.Must(err)
		var idle *restore.NotStartedError
		if out := res.Outcomes[0]; out.Status != plan.StatusFailed || !errors.As(out.Err, &idle) || out.Replaced {
			t.Errorf("got %s (%v)", out.Status, out.Err)
		}
		if diff := cmp.Diff(w.full(), before); diff != "" {
			t.Errorf("something changed (-got +want):\n%s", diff)
		}
	})
}

// TestReplaceChanged checks that a parameter that changed after the plan is not deleted.
func TestReplaceChanged(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		then := w.replaceable()
		o := restore.Options{Options: plan.Options{Replace: true}}
		p := w.plan("/p", false, then, o)
		w.put("/p", "theirs", advancedTier)
		out := w.restored(p, o).Outcomes[0]
		if out.Status != plan.StatusRefused || out.Replaced || w.number("/p") != 4 {
			t.Errorf("got %s (%v), and version %d is live", out.Status, out.Err, w.number("/p"))
		}
		p, err := restore.New(w.Archive, w.Live, nil, o).Plan(w.Context(), testworld.Target(w, "/p", false), then)
		w.Must(err)
		if got := actions(p)[0]; !strings.HasPrefix(got, "replace /p (its live version is not in the archive") {
			t.Errorf("of a version that is not recorded: %s", got)
		}
	})
}

// TestRecreation checks the wait between the deletion and the creation of a name.
func TestRecreation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		ago        time.Duration // since the deletion, when it is planned
		recreation time.Duration
		waits      bool
		pause      time.Duration // between the deletion and the creation
	}{
		{"just now", 10 * time.Second, 0, true, 30 * time.Second},
		{"long ago", 40 * time.Second, 0, false, 40 * time.Second},
		{"another pause", 10 * time.Second, time.Minute, true, time.Minute},
		{"no pause", 10 * time.Second, -1, false, 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := emulator.Options{}
			if test.recreation >= 0 {
				o.SSM.RecreateWait = 30 * time.Second
			}
			inWorld(t, o, func(w *world) {
				w.put("/p", "one")
				w.Record()
				then := w.pass()
				w.remove("/p")
				w.Record()
				log := w.AWS.SSM.Truth("/p")
				deleted := log[len(log)-1].Time
				time.Sleep(time.Until(deleted.Add(test.ago)))
				o := restore.Options{Recreation: test.recreation}
				p := w.plan("/p", false, then, o)
				if waits := strings.Contains(notices(p), "it was deleted recently: it is created at "); waits != test.waits {
					t.Errorf("notices %q", notices(p))
				}
				out := w.restored(p, o).Outcomes[0]
				log = w.AWS.SSM.Truth("/p")
				if pause := log[len(log)-1].Time.Sub(deleted); out.Status != plan.StatusRestored || pause < test.pause || pause > test.pause+time.Second {
					t.Errorf("%s (%v) after %s, want %s", out.Status, out.Err, pause, test.pause)
				}
				if got := fmt.Sprint(out.Item.Notices); strings.Contains(got, "just now") {
					t.Errorf("notices after the wait: %s", got)
				}
			})
		})
	}
}

// TestKeys checks restores with a disabled key and with KeyID.
func TestKeys(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/changed", secret, secureString("alias/old"))
		w.put("/a/gone", secret, secureString("alias/old"))
		w.put("/a/plain", "one")
		w.put("/a/same", secret, secureString("alias/old"))
		w.Record()
		then := w.pass()
		w.put("/a/changed", "two", secureString("alias/new"))
		w.remove("/a/gone")
		w.put("/a/plain", "two")
		w.Record()
		w.pass()
		before := w.full()
		w.AWS.SSM.DisableKey("alias/old")
		out := w.restored(w.plan("/a/", false, then, restore.Options{}), restore.Options{}).Outcomes
		want := []string{"refused update /a/changed", "refused create /a/gone", "restored update /a/plain version 3", "unchanged none /a/same"}
		if diff := cmp.Diff(results(out), want); diff != "" {
			t.Errorf("without the key (-got +want):\n%s", diff)
		}
		for _, o := range out[:2] {
			if text := fmt.Sprint(o.Err); !strings.HasPrefix(text, "its KMS key alias/old does not exist or is not enabled; use another one with --key-id (") || strings.Contains(text, secret) {
				t.Errorf("%s: %s", o.Item.Name, text)
			}
		}
		delete(before, "/a/plain")
		got := w.full()
		delete(got, "/a/plain")
		if diff := cmp.Diff(got, before); diff != "" {
			t.Errorf("state after the refusal (-got +want):\n%s", diff)
		}

		o := restore.Options{Options: plan.Options{KeyID: "alias/third"}}
		p := w.plan("/a/", false, then, o)
		want = []string{"update /a/changed: value, keyId", "create /a/gone", "none /a/plain", "none /a/same"}
		if diff := cmp.Diff(actions(p), want); diff != "" {
			t.Errorf("plan with another key (-got +want):\n%s", diff)
		}
		if got, want := notices(p), "its key becomes alias/third instead of alias/old\nits key becomes alias/third instead of alias/old"; got != want {
			t.Errorf("notices: got %q, want %q", got, want)
		}
		if text := errs(w.restored(p, o).Outcomes); text != "" {
			t.Errorf("with another key: %s", text)
		}
		for name, key := range map[string]string{"/a/changed": "alias/third", "/a/gone": "alias/third", "/a/same": "alias/old", "/a/plain": ""} {
			if got := w.state()[name]; !strings.Contains(got, fmt.Sprintf("key=%q", key)) {
				t.Errorf("%s is %s, want the key %q", name, got, key)
			}
		}
		w.Record()
		w.pass()
		again := w.plan("/a/", false, then, o)
		if again.Changes() != 0 {
			t.Errorf("again with another key: %v", actions(again))
		}
	})
}

// TestDeletions checks that one request deletes as many parameters as it accepts, and that
// changed parameters are not deleted.
func TestDeletions(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		const n = 23
		w.put("/a/kept", "one")
		w.Record()
		then := w.pass()
		for i := range n {
			w.put(fmt.Sprintf("/a/%02d", i), "one")
		}
		w.Record()
		w.pass()
		o := restore.Options{Options: plan.Options{Exact: true}}
		p := w.plan("/a/", false, then, o)
		if p.Count(plan.ActionDelete) != n {
			t.Fatalf("plan: %v", actions(p))
		}
		w.put("/a/05", "theirs")
		w.remove("/a/15")
		w.AWS.ResetCounts()
		out := w.restored(p, o).Outcomes
		want := map[string]int{"ssm:DescribeParameters": 1, "ssm:DeleteParameters": 3, "s3:PutObject": 2} // one request reads all of them
		if diff := cmp.Diff(w.AWS.Counts(), want); diff != "" {
			t.Errorf("requests (-got +want):\n%s", diff)
		}
		for i, o := range out[:n] {
			status, left := plan.StatusDeleted, int64(0)
			switch i {
			case 5:
				status, left = plan.StatusRefused, 2
			case 15:
				status = plan.StatusUnchanged
			}
			if o.Status != status || w.number(string(o.Item.Name)) != left {
				t.Errorf("%s is %s (%v) and has version %d, want %s and %d", o.Item.Name, o.Status, o.Err, w.number(string(o.Item.Name)), status, left)
			}
		}
		if text := errs(out); !strings.HasPrefix(text, "it was changed since the plan was made: arn:aws:iam::123456789012:user/local wrote version 2 at ") {
			t.Errorf("errors: %s", text)
		}
		if w.number("/a/kept") != 1 {
			t.Error("another parameter was changed")
		}
	})
}
