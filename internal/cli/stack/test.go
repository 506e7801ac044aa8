package stackcli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ssmbak/ssmbak/archive"
	"github.com/ssmbak/ssmbak/internal/awsconn"
	"github.com/ssmbak/ssmbak/internal/cli/shell"
	"github.com/ssmbak/ssmbak/internal/pipeline"
	"github.com/ssmbak/ssmbak/internal/stack"
	"github.com/ssmbak/ssmbak/paramstore"
	"github.com/ssmbak/ssmbak/recorder"
)

// testRow is the JSON form of the result of a test. Times are in UTC.
type testRow struct {
	ID           string
	Began, Ended string
	Steps        []stepRow
	Restored     bool
	Answers      []answerRow
	Problems     []string
}

// answerRow is the JSON form of what a test learned about the account.
type answerRow struct{ Question, Answer string }

// stepRow is the JSON form of one change of a test.
type stepRow struct {
	Kind, Name string
	Recorded   bool
	// Seconds is how long it took to be recorded, or else how long the test waited.
	Seconds float64
}

const testTime = "2006-01-02T15:04:05.000Z"

func rowOfTest(r pipeline.Result) testRow {
	row := testRow{
		ID: r.ID, Began: r.Began.UTC().Format(testTime), Ended: r.Ended.UTC().Format(testTime), Steps: make([]stepRow, len(r.Steps)),
		Restored: r.Restored, Answers: []answerRow{}, Problems: append([]string{}, r.Problems...),
	}
	for i, s := range r.Steps {
		row.Steps[i] = stepRow{s.Kind, string(s.Name), s.Recorded, float64(s.Lag+s.Waited) / 1000}
	}
	for _, question := range slices.Sorted(maps.Keys(r.Account)) {
		row.Answers = append(row.Answers, answerRow{question, r.Account[question]})
	}
	return row
}

func (a *app) test(ctx context.Context) error {
	s, err := a.openToWrite(ctx)
	if err != nil {
		return err
	}
	result, err := a.runTest(ctx, s)
	if err != nil {
		return err
	}
	if err := a.Data(rowOfTest(result), func(w io.Writer) error { return a.printTest(w, result, nil) }); err != nil {
		return err
	}
	return a.problemsOf(result)
}

// runTest runs a test of the stack's pipeline.
func (a *app) runTest(ctx context.Context, s *stack.Stack) (pipeline.Result, error) {
	a.doing = "test"
	conn, err := a.Connect(ctx)
	if err != nil {
		return pipeline.Result{}, err
	}
	archived, err := s.Archive(ctx)
	if err != nil {
		return pipeline.Result{}, err
	}
	if err := a.checkDeployed(ctx, s, archived); err != nil {
		return pipeline.Result{}, err
	}
	caller, err := conn.Caller(ctx)
	if err != nil {
		return pipeline.Result{}, err
	}
	progress := a.NewProgress("test")
	defer progress.Close()
	defer context.AfterFunc(ctx, func() { a.Note("interrupted: removing the test's parameters; a second interrupt leaves them behind") })()
	live, sync := a.liveStore(conn, caller, archived)
	result, err := pipeline.Run(ctx, archived, live, sync, pipeline.Options{
		Account: caller.Account, Region: conn.Region(), By: caller.ARN, Progress: progress.Set, Logger: a.Log,
	})
	if err == nil && result.Unrecorded != nil {
		a.NoteFacts(shell.Facts{"Error": shell.Reason(result.Unrecorded)}, "the archive has no result of this test: %s", shell.Reason(result.Unrecorded))
	}
	return result, err
}

// checkDeployed checks that the functions run the code that the stack deployed: a test of other
// code would prove nothing. What the caller may not see is a note.
func (a *app) checkDeployed(ctx context.Context, s *stack.Stack, archived *archive.Archive) error {
	d, exists, err := archived.Deployment(ctx)
	if err == nil && exists {
		err = s.VerifyDeployed(ctx, d)
	}
	if err != nil && awsconn.IsDenied(err) {
		a.NoteFacts(shell.Facts{"Error": shell.Reason(err)}, "did not check the code of the functions: %s", shell.Reason(err))
		return nil
	}
	return err
}

// liveStore returns the live Parameter Store, and what records it before a restore.
func (a *app) liveStore(conn *awsconn.Conn, caller awsconn.Caller, archived *archive.Archive) (*paramstore.Store, *recorder.Recorder) {
	live := paramstore.New(conn.SSM(), paramstore.Options{Tagging: conn.Tagging(), Logger: a.Log})
	return live, recorder.New(archived, live, recorder.Options{Account: caller.Account, Region: conn.Region(), Logger: a.Log})
}

// printTest prints the result of a test, nothing if there was an error.
func (a *app) printTest(w io.Writer, r pipeline.Result, failed error) error {
	if failed != nil {
		return nil
	}
	rows := make([][]string, len(r.Steps))
	for i, s := range r.Steps {
		seconds := func(ms int64) string {
			return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
		}
		text := "recorded after " + seconds(s.Lag)
		switch {
		case s.Recorded:
		case pipeline.Documented(s.Kind):
			text = "not recorded within " + seconds(s.Waited)
		default:
			text = "no event within " + seconds(s.Waited)
		}
		rows[i] = []string{s.Kind, string(s.Name), text}
	}
	if err := columns(w, rows); err != nil {
		return err
	}
	if r.Restored {
		if err := a.Print("restored, and equal to what was recorded"); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.Account)) {
		if err := a.Print("this account: %s", answer(key, r.Account[key])); err != nil {
			return err
		}
	}
	return a.Print("test %s took %s; its parameters were removed", r.ID, r.Ended.Sub(r.Began).Round(time.Second))
}

// answer says what a test learned about the account.
func answer(key, value string) string {
	texts := map[string][2]string{ // yes, no
		pipeline.AnswerUnlabelEvents: {"an event reports that a label was removed", "no event reports that a label was removed; a reconcile finds it"},
		pipeline.AnswerTagEvents:     {"an event reports changes of tags", "no event reports changes of tags; a reconcile finds them"},
		pipeline.AnswerWhiteSpace:    {"values keep white space at both ends", "values lose white space at the ends"},
		pipeline.AnswerTimesIncrease: {"the times of versions increase", "the times of versions do not always increase"},
	}
	switch text, known := texts[key]; {
	case known && value == "yes":
		return text[0]
	case known:
		return text[1]
	case key == pipeline.AnswerFirstVersion:
		return "a recreated parameter begins with version " + value
	case key == pipeline.AnswerReadLag:
		return "reads show a write after " + value + " s at most"
	}
	return key + ": " + value
}

// problemsOf returns the failure for the problems that a test found, nil if there are none.
func (a *app) problemsOf(r pipeline.Result) error {
	n := len(r.Problems)
	if n == 0 {
		return nil
	}
	return shell.KindTestFailed.Part("`"+a.command("status")+"` shows the queues, and `aws logs tail /aws/lambda/"+a.name+"-recorder"+a.Where()+"` the recorder's log",
		"the test found %s: %s", shell.Count(n, "problem", "problems"), strings.Join(r.Problems, "; "))
}
