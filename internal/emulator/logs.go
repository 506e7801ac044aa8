package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ssmbak/ssmbak/internal/emulator/cfnapi"
)

const (
	// maxLogLines is how many lines the emulator keeps; older ones are dropped.
	maxLogLines = 10_000
	// maxLogPage is the size of the lines in one answer, in bytes.
	maxLogPage = 1 << 20
)

// Logs are the lines that the recorder logs. It is an io.Writer, which gets one line per
// call, and safe for concurrent use.
type Logs struct {
	clock *Clock
	mu    sync.Mutex
	lines []logLine
	last  int
}

type logLine struct {
	number  int
	at      time.Time
	message string
}

// Write adds a line.
func (l *Logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	l.lines = append(l.lines, logLine{l.last, l.clock.Now(), strings.TrimRight(string(line), "\n")})
	if over := len(l.lines) - maxLogLines; over > 0 {
		l.lines = slices.Delete(l.lines, 0, over)
	}
	return len(line), nil
}

// serveLogs serves DescribeLogGroups, and FilterLogEvents without a pattern. The log group
// of a stack's recorder has the lines since the stack was created.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func (a *AWS) serveLogs(w http.ResponseWriter, r *http.Request) {
	var in struct {
		LogGroupName, FilterPattern, NextToken string
		StartTime, EndTime                     int64 // milliseconds
		Limit                                  int
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		writeError(w, http.StatusBadRequest, "SerializationException", "the request is not JSON")
		return
	}
	groups := a.stacks.Resources("AWS::Logs::LogGroup")
	switch _, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); op {
	case "FilterLogEvents":
	case "DescribeLogGroups":
		all := []map[string]any{}
		for _, g := range groups {
			all = append(all, map[string]any{"logGroupName": g.PhysicalID, "creationTime": g.Created.UnixMilli(), "storedBytes": 0})
		}
		writeJSON(w, map[string]any{"logGroups": all})
		return
	default:
		writeError(w, http.StatusBadRequest, "InvalidOperationException", op+" is not known here")
		return
	}
	i := slices.IndexFunc(groups, func(g cfnapi.Resource) bool { return g.PhysicalID == in.LogGroupName })
	after, err := strconv.Atoi("0" + in.NextToken)
	switch {
	case i < 0:
		writeError(w, http.StatusBadRequest, "ResourceNotFoundException", "The specified log group does not exist.")
		return
	case in.FilterPattern != "":
		writeError(w, http.StatusBadRequest, "InvalidParameterException", "filter patterns are not known here")
		return
	case err != nil:
		writeError(w, http.StatusBadRequest, "InvalidParameterException", "The specified nextToken is invalid.")
		return
	}
	if in.Limit <= 0 || in.Limit > maxLogLines {
		in.Limit = maxLogLines // API: "as many log events as can fit in 1 MB (up to 10,000 log events)"
	}
	out := map[string]any{"searchedLogStreams": []any{}}
	events, size := []map[string]any{}, 0
	recorder := strings.HasSuffix(in.LogGroupName, "-recorder") // the reconciler logs nothing here
	a.Logs.mu.Lock()
	defer a.Logs.mu.Unlock()
	for _, l := range a.Logs.lines {
		at := l.at.UnixMilli()
		if !recorder || l.number <= after || at < in.StartTime || in.EndTime > 0 && at > in.EndTime || l.at.Before(groups[i].Created) {
			continue
		}
		if size += len(l.message); len(events) == in.Limit || size > maxLogPage && len(events) > 0 {
			out["nextToken"] = fmt.Sprint(after)
			break
		}
		after = l.number
		events = append(events, map[string]any{
			"eventId": fmt.Sprintf("%056d", l.number), "logStreamName": l.at.UTC().Format("2006/01/02") + "/[$LATEST]00000000000000000000000000000000",
			"timestamp": at, "ingestionTime": at, "message": l.message,
		})
	}
	out["events"] = events
	writeJSON(w, out)
}
