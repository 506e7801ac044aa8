package restore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/ssmbak/ssmbak/internal/emulator"
	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/plan"
	"github.com/ssmbak/ssmbak/restore"
)

// once makes the next request of the operation call f before it is served.
func (w *world) once(op string, f func() emulator.Fault) {
	w.before = func(o string) emulator.Fault {
		if o != op {
			return emulator.Fault{}
		}
		op = ""
		return f()
	}
}

// TestRaces changes parameters during a restore.
func TestRaces(t *testing.T) {
	t.Parallel()
	nothing := func(*world) {}
	put := func(value string) func(*world) { return func(w *world) { w.put("/p", value) } }
	remove := func(w *world) { w.remove("/p") }
	tests := []struct {
		name                string
		until, since        func(w *world) // before and after the restored time
		planned, write      func(w *world) // after the plan; just before op
		op                  string
		action              plan.Action
		status              plan.Status
		err, value, tags    string
		number, wroteNumber int64
		lost                bool // the answer of op is lost
	}{
		{
			name: "changed after the plan", until: put("one"), since: put("two"), planned: put("theirs"),
			action: plan.ActionUpdate, status: plan.StatusRefused, value: "theirs", number: 3,
			err: "it was changed since the plan was made: arn:aws:iam::123456789012:user/local wrote version 3 at ",
		},
		{
			name: "changed just before the write", until: put("one"), since: put("two"), op: "PutParameter", write: put("theirs"),
			action: plan.ActionUpdate, status: plan.StatusFailed, value: "one", number: 4, wroteNumber: 4,
			err: "update /p: version 4 overwrote a concurrent change: arn:aws:iam::123456789012:user/local wrote version 3 at ",
		},
		{
			name: "recreated just before the write", until: put("one"), since: put("two"), op: "PutParameter", write: func(w *world) { w.remove("/p"); w.put("/p", "theirs") },
			action: plan.ActionUpdate, status: plan.StatusFailed, value: "one", number: 2, wroteNumber: 2,
			err: "update /p: version 2 overwrote a concurrent change: someone deleted it, arn:aws:iam::123456789012:user/local wrote version 1 at ",
		},
		{
			name: "deleted just before the write", until: put("one"), since: put("two"), op: "PutParameter", write: remove,
			action: plan.ActionUpdate, status: plan.StatusFailed, value: "one", number: 1, wroteNumber: 1,
			err: "update /p: version 1 overwrote a concurrent change: someone deleted it",
		},
		{
			// The second request gets the number that was expected.
			name:  "deleted just before the write, whose answer is lost",
			until: put("one"), since: func(w *world) { w.remove("/p"); w.pass(); w.put("/p", "two") }, op: "PutParameter", write: remove, lost: true,
			action: plan.ActionUpdate, status: plan.StatusFailed, value: "one", number: 2, wroteNumber: 2,
			err: "update /p: version 2 overwrote a concurrent change: someone deleted it",
		},
		{
			name:  "answer lost",
			until: put("one"), since: func(w *world) { w.remove("/p"); w.pass(); w.put("/p", "two") }, op: "PutParameter", write: nothing, lost: true,
			action: plan.ActionUpdate, status: plan.StatusRestored, value: "one", number: 3, wroteNumber: 3,
		},
		{
			name: "deleted after the plan", until: put("one"), since: put("two"), planned: remove,
			action: plan.ActionUpdate, status: plan.StatusRefused, err: "it was deleted since the plan was made",
		},
		{
			name: "created after the plan", until: put("one"), since: remove, planned: put("theirs"),
			action: plan.ActionCreate, status: plan.StatusRefused, value: "theirs", number: 1,
			err: "it was created since the plan was made: arn:aws:iam::123456789012:user/local wrote version 1 at ",
		},
		{
			name: "created just before the write", until: put("one"), since: remove, op: "PutParameter", write: put("theirs"),
			action: plan.ActionCreate, status: plan.StatusRefused, value: "theirs", number: 1,
			err: "it was created since the plan was made: arn:aws:iam::123456789012:user/local wrote version 1 at ",
		},
		{
			name: "created with the same content just before the write", until: func(w *world) { w.put("/p", "one"); w.pass(); w.tag("/p", "env", "prod") }, since: remove,
			op: "PutParameter", write: put("one"), action: plan.ActionCreate, status: plan.StatusRestored, value: "one", tags: "prod", number: 1, wroteNumber: 1,
		},
		{
			name: "changed after the plan that deletes", until: func(w *world) { w.put("/p", "one"); w.pass(); w.remove("/p") }, since: put("two"), planned: put("theirs"),
			action: plan.ActionDelete, status: plan.StatusRefused, value: "theirs", number: 2,
			err: "it was changed since the plan was made: arn:aws:iam::123456789012:user/local wrote version 2 at ",
		},
		{
			name: "deleted after the plan that deletes", until: func(w *world) { w.put("/p", "one"); w.pass(); w.remove("/p") }, since: put("two"), planned: remove,
			action: plan.ActionDelete, status: plan.StatusUnchanged,
		},
		{
			name: "deleted just before the delete", until: func(w *world) { w.put("/p", "one"); w.pass(); w.remove("/p") }, since: put("two"), op: "DeleteParameter", write: remove,
			action: plan.ActionDelete, status: plan.StatusDeleted,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{}, func(w *world) {
				test.until(w)
				w.Record()
				then := w.pass()
				test.since(w)
				w.Record()
				w.pass()
				p := w.plan("/p", false, then, restore.Options{})
				if len(p.Items) != 1 || p.Items[0].Action != test.action {
					t.Fatalf("plan: %v", actions(p))
				}
				planned := test.planned
				if planned == nil {
					planned = nothing
				}
				planned(w)
				if test.op != "" {
					w.once(test.op, func() emulator.Fault { test.write(w); return emulator.Fault{LostAfter: test.lost} })
				}
				got := w.apply(w.Context(), p, restore.Options{})[0]
				if got.Status != test.status || got.Version != test.wroteNumber {
					t.Errorf("got %s, version %d, want %s, version %d", got.Status, got.Version, test.status, test.wroteNumber)
				}
				if text := fmt.Sprint(got.Err); test.err != "" && !strings.HasPrefix(text, test.err) || test.err == "" && got.Err != nil {
					t.Errorf("error: got %q, want %q", text, test.err)
				}
				log := w.AWS.SSM.Truth("/p")
				if last := log[len(log)-1]; last.Value != test.value || last.Version != test.number || last.Tags["env"] != test.tags {
					t.Errorf("left value %q version %d tags %v, want %q version %d", last.Value, last.Version, last.Tags, test.value, test.number)
				}
			})
		})
	}
}

// TestLostAnswers checks that a write that the SDK repeats because its response was lost
// is recognized.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		w.put("/a/created", "one", func(in *ssm.PutParameterInput) { in.Overwrite = aws.Bool(false) })
		w.tag("/a/created", "env", "prod")
		w.put("/a/secret", secret, secureString("alias/app"))
		w.put("/a/updated", "one")
		w.Record()
		before := w.state()
		then := w.pass()
		w.remove("/a/created")
		w.put("/a/secret", "two", secureString("alias/app"))
		w.put("/a/updated", "two")
		w.Record()
		p := w.plan("/a/", false, then, restore.Options{})
		puts := 0
		w.before = func(op string) emulator.Fault {
			if op != "PutParameter" {
				return emulator.Fault{}
			}
			puts++
			return emulator.Fault{LostAfter: puts%2 == 1}
		}
		outcomes := w.apply(w.Context(), p, restore.Options{Parallel: 1})
		want := []string{"restored create /a/created version 1", "restored update /a/secret version 4", "restored update /a/updated version 4"}
		if diff := cmp.Diff(results(outcomes), want); diff != "" {
			t.Errorf("outcomes (-got +want):\n%s\n%s", diff, errs(outcomes))
		}
		if diff := cmp.Diff(w.state(), before); diff != "" {
			t.Errorf("state (-got +want):\n%s", diff)
		}
	})
}

// TestPartialFailure checks a restore in which one of several writes is refused.
func TestPartialFailure(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a/1", "/a/2", "/a/3"} {
			w.put(name, secret, secureString("alias/"+name[3:]))
		}
		w.pass()
		w.tag("/a/3", "env", "prod")
		w.Record()
		then := w.pass()
		for _, name := range []string{"/a/1", "/a/2", "/a/3"} {
			w.put(name, "two", secureString("alias/app"))
		}
		w.tag("/a/3", "env", "dev")
		w.Record()
		w.AWS.SSM.DisableKey("alias/2")
		w.before = func(op string) emulator.Fault {
			if op == "AddTagsToResource" {
				return emulator.Fault{Status: 403, Code: "AccessDeniedException"}
			}
			return emulator.Fault{}
		}
		var reports []int
		o := restore.Options{Progress: func(done, total int) { reports = append(reports, done*10+total) }}
		outcomes := w.apply(w.Context(), w.plan("/a/", false, then, o), o)
		want := []string{"restored update /a/1 version 3", "refused update /a/2", "failed update /a/3 version 3"}
		if diff := cmp.Diff(results(outcomes), want); diff != "" {
			t.Errorf("outcomes (-got +want):\n%s", diff)
		}
		text := errs(outcomes)
		for _, part := range []string{"its KMS key alias/2 does not exist or is not enabled; use another one with --key-id", "update /a/3: version 3 was written, but not its tags or labels: tag /a/3"} {
			if !strings.Contains(text, part) {
				t.Errorf("errors without %q:\n%s", part, text)
			}
		}
		if strings.Contains(text, secret) {
			t.Errorf("an error contains a value: %s", text)
		}
		if want := []int{13, 23, 33}; !slices.Equal(reports, want) {
			t.Errorf("progress: got %v, want %v", reports, want)
		}
	})
}

// TestInterrupted checks that nothing is started after an interrupt.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		for _, name := range []string{"/a/1", "/a/2", "/a/3"} {
			w.put(name, "one")
		}
		w.Record()
		then := w.pass()
		for _, name := range []string{"/a/1", "/a/2", "/a/3"} {
			w.put(name, "two")
		}
		ctx, cancel := context.WithCancel(w.Context())
		defer cancel()
		o := restore.Options{Parallel: 1, Progress: func(int, int) { cancel() }}
		outcomes := w.apply(ctx, w.plan("/a/", false, then, restore.Options{}), o)
		want := []string{"restored update /a/1 version 3", "failed update /a/2", "failed update /a/3"}
		if diff := cmp.Diff(results(outcomes), want); diff != "" {
			t.Errorf("outcomes (-got +want):\n%s", diff)
		}
		for _, o := range outcomes[1:] {
			if !errors.Is(o.Err, context.Canceled) {
				t.Errorf("%s: error %v", o.Item.Name, o.Err)
			}
		}
		if w.number("/a/2") != 2 || w.number("/a/3") != 2 {
			t.Error("something was written after the end")
		}
	})
}

// TestInterruptedPace interrupts a restore that waits because of a rate limit. Parameters
// for which no request was sent, or only throttled ones, are not started; a request whose
// response was lost is completed.
func TestInterruptedPace(t *testing.T) {
	t.Parallel()
	const parameters = 40
	tests := []struct {
		name    string
		maxRate float64
		limit   float64 // of the account
		lost    bool    // the response to the write during the interrupt
	}{
		{name: "--max-rate", maxRate: 1},
		{name: "the account's rate", limit: 1},
		{name: "--max-rate, and a response is lost", maxRate: 1, lost: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			eo := emulator.Options{}
			if test.limit > 0 {
				eo.Limits = map[string]float64{"ssm:PutParameter": test.limit}
			}
			inWorld(t, eo, func(w *world) {
				puts := func(value string) {
					for i := range parameters {
						w.put(fmt.Sprintf("/a/%02d", i), value)
						time.Sleep(time.Second)
					}
				}
				puts("one")
				w.Record()
				then := w.pass()
				puts("two")
				p := w.plan("/a/", false, then, restore.Options{})
				ctx, interrupt := context.WithCancel(w.Context())
				defer interrupt()
				began := time.Now()
				var lost atomic.Bool
				conn := w.Connect(w.AWS.ClientWith(func(_, op, _ string) emulator.Fault {
					switch {
					case op != "PutParameter":
					case test.lost && time.Since(began) > 4*time.Second && lost.CompareAndSwap(false, true):
						interrupt()
						return emulator.Fault{LostAfter: true}
					case ctx.Err() != nil && !test.lost:
						t.Error("a write was sent after the interrupt")
					}
					return emulator.Fault{}
				}))
				w.Live = paramstore.New(conn.SSM(), paramstore.Options{MaxRate: test.maxRate})
				if !test.lost {
					time.AfterFunc(4500*time.Millisecond, interrupt)
				}
				outcomes := w.apply(ctx, p, restore.Options{})
				if took := time.Since(began); took > 8*time.Second {
					t.Errorf("it continued for %s", took)
				}
				restored, idle := 0, 0
				for _, out := range outcomes {
					var notBegun *restore.NotStartedError
					written := w.number(string(out.Item.Name)) > 2
					switch {
					case out.Status == plan.StatusRestored && written:
						restored++
					case errors.As(out.Err, &notBegun) && !written:
						idle++
					default:
						t.Errorf("%s: %s (%v), version %d", out.Item.Name, out.Status, out.Err, w.number(string(out.Item.Name)))
					}
				}
				if restored < 3 || restored > 7 || restored+idle != parameters {
					t.Errorf("%d restored, %d not started", restored, idle)
				}
			})
		})
	}
}

// TestImages checks that a restore waits for the validation of an image.
func TestImages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, want string
		delay      time.Duration
	}{
		{"in time", "restored update /ami version 3", 4 * time.Minute},
		{"too late", "failed update /ami", 10 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, emulator.Options{SSM: ssmapi.Options{ImageDelay: test.delay}}, func(w *world) {
				amiType := func(in *ssm.PutParameterInput) { in.DataType = aws.String("aws:ec2:image") }
				w.put("/ami", "ami-12345678", amiType)
				time.Sleep(test.delay)
				w.Record()
				then := w.pass()
				w.put("/ami", "ami-87654321", amiType)
				time.Sleep(test.delay)
				start := time.Now()
				outcomes := w.apply(w.Context(), w.plan("/ami", false, then, restore.Options{}), restore.Options{})
				if got := results(outcomes)[0]; got != test.want {
					t.Errorf("got %s, want %s: %s", got, test.want, errs(outcomes))
				}
				if took := time.Since(start); took > 5*time.Minute+2*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// TestImagesTogether checks that a restore waits for many images concurrently, even if
// Parallel is lower, and checks all of them with one request.
func TestImagesTogether(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{}, func(w *world) {
		amiType := func(in *ssm.PutParameterInput) { in.DataType = aws.String("aws:ec2:image") }
		names := make([]string, 20)
		for i := range names {
			names[i] = fmt.Sprintf("/ami/%02d", i)
			w.put(names[i], "ami-12345678", amiType)
		}
		w.put("/ami/text", "one")
		w.Record()
		then := w.pass()
		for _, name := range names {
			w.put(name, "ami-87654321", amiType)
		}
		w.put("/ami/text", "two")
		w.Record()
		w.pass()
		o := restore.Options{Parallel: 2}
		p := w.plan("/ami/", false, then, o)
		// AWS reports success and stores nothing.
		live := paramstore.New(w.Connect(rewriting{
			HTTPClient: w.AWS.Client(), request: strings.NewReplacer("ami-12345678", "ami-gone"), answer: strings.NewReplacer(),
		}).SSM(), paramstore.Options{})
		start, looks := time.Now(), w.AWS.Counts()["ssm:DescribeParameters"]
		res, err := restore.New(w.Archive, live, w.Recorder, o).Apply(w.Context(), p)
		w.Must(err)
		if took := time.Since(start); took < 5*time.Minute || took > 5*time.Minute+10*time.Second {
			t.Errorf("it took %s", took)
		}
		if n := w.AWS.Counts()["ssm:DescribeParameters"] - looks; n > 200 {
			t.Errorf("%d DescribeParameters", n)
		}
		for _, out := range res.Outcomes {
			want := plan.StatusFailed
			if out.Item.Name == "/ami/text" {
				want = plan.StatusRestored
			} else if out.Version != 0 || !strings.Contains(fmt.Sprint(out.Err), "the AMI is not usable by this account, or the caller lacks ec2:DescribeImages") {
				t.Errorf("%s: version %d, %v", out.Item.Name, out.Version, out.Err)
			}
			if out.Status != want {
				t.Errorf("%s: %s", out.Item.Name, out.Status)
			}
		}
	})
}

// TestTooManyUpdates checks that a parameter that Parameter Store refuses to create after
// its deletion fails after ten minutes with AWS's message, and that others are restored.
func TestTooManyUpdates(t *testing.T) {
	t.Parallel()
	inWorld(t, emulator.Options{SSM: ssmapi.Options{RecreateWait: 24 * time.Hour}}, func(w *world) {
		w.put("/a/gone", "one")
		w.put("/a/other", "one")
		w.put("/a/replaced", "one")
		w.Record()
		then := w.pass()
		w.remove("/a/gone")
		w.put("/a/other", "two")
		w.put("/a/replaced", "one", advancedTier)
		w.Record()
		w.pass()
		conn := w.Connect(w.AWS.Client())
		var said []string
		live := paramstore.New(conn.SSM(), paramstore.Options{Waiting: func(name, message string) { said = append(said, name+": "+message) }})
		o := restore.Options{Options: plan.Options{Replace: true}, Recreation: -1}
		p := w.plan("/a/", false, then, o)
		start := time.Now()
		res, err := restore.New(w.Archive, live, w.Recorder, o).Apply(w.Context(), p)
		w.Must(err)
		want := []string{"failed create /a/gone", "restored update /a/other version 3", "failed replace /a/replaced"}
		if diff := cmp.Diff(results(res.Outcomes), want); diff != "" {
			t.Errorf("outcomes (-got +want):\n%s", diff)
		}
		for _, text := range []string{
			"create /a/gone: put /a/gone: PutParameter kept failing for /a/gone with TooManyUpdates: The parameter was deleted less than ",
			"replace /a/replaced: it is deleted: it could not be recreated (put /a/replaced: PutParameter kept failing",
		} {
			if !strings.Contains(errs(res.Outcomes), text) {
				t.Errorf("errors without %q:\n%s", text, errs(res.Outcomes))
			}
		}
		if took := time.Since(start); took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("it took %s", took)
		}
		slices.Sort(said)
		if len(said) != 2 || !strings.HasPrefix(said[0], "/a/gone: The parameter was deleted") || !strings.HasPrefix(said[1], "/a/replaced: ") {
			t.Errorf("notes %q", said)
		}
		if r := res.Outcomes[0].Remedy; r != plan.RemedyRerun {
			t.Errorf("remedy %s", r)
		}
	})
}
