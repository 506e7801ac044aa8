package main

import "strings"

// tests are a mutation and the tests of a package that find it: names joined by |, or a
// test and one of its subtests with a slash between them.
type tests struct {
	mutation
	pkg, test string
}

// pattern returns the tests as the flag -test.run takes them.
func (t tests) pattern() string {
	parts := strings.Split(t.test, "/")
	for i, part := range parts {
		parts[i] = "^(" + part + ")$"
	}
	return strings.Join(parts, "/")
}

// tested are mutations of what is recorded, stored and restored.
var tested = []tests{
	{mutation{
		"changes in a part are not compared", "internal/history/patch.go",
		"p.archive.Timeline(ctx, x, p.reconciled)", "p.archive.Timeline(ctx, x, p.reconciled, ssmbak.MaxTime)",
	}, "internal/history", "TestPatchParts"},
	{mutation{
		"an index is skipped that was modified within a minute before the period", "archive/walk.go",
		"2*time.Second + bucket.Tolerance", "2*time.Second + 0*bucket.Tolerance",
	}, "archive", "TestWalkSkips"},
	{mutation{
		"an index is skipped that no listing has compared since", "archive/walk.go",
		" && r.compared(x.Name, x.Modified, r.Last) != 0", "",
	}, "archive", "TestWalkSkips"},
	{mutation{
		"an index is skipped that the last listing could not compare", "archive/reconciled.go",
		"if unsure || pattern", "_ = unsure\n\tif pattern",
	}, "archive", "TestWalkSkips"},
	{mutation{
		"an index is skipped whose name the last listing excluded", "archive/reconciled.go",
		" || pattern.Any(r.Excluded, name) || began.IsZero()", " || began.IsZero()",
	}, "archive", "TestWalkSkips"},
	{mutation{
		"an index is skipped that a listing missed", "archive/walk.go",
		" && !r.missed(x.Name)", "",
	}, "archive", "TestWalkSkips"},
	{mutation{
		"an index is skipped although it need not be signed", "archive/walk.go",
		" && trusted", " && (trusted || true)",
	}, "archive", "TestWalkSigned"},
	{mutation{
		"a parameter whose index the reconcile cache does not know counts as settled", "archive/settled.go",
		"e.ETag == x.ETag && ", "",
	}, "archive", "TestUnsettled"},
	{mutation{
		"a parameter that is younger than the last listing counts as settled", "archive/settled.go",
		" && e.Newest.Time < r.compared(x.Name, x.Modified, r.Last)", "",
	}, "archive", "TestUnsettled"},
	{mutation{
		"a parameter with labels counts as settled", "recorder/cache.go",
		" && len(last.Labels.V) == 0", "",
	}, "restore", "TestBrief"},
	{mutation{
		"a revert does not read what changed between its two times", "archive/settled.go",
		"slices.Min(moments)", "slices.Max(moments)",
	}, "restore", "TestBrief"},
	{mutation{
		"the live version of a settled parameter is not compared", "restore/settled.go",
		" || s.ref() != s.settled", "",
	}, "restore", "TestBrief"},
	{mutation{
		"a plan for few parameters does not read those that are settled", "restore/settled.go",
		"len(subjects) <= r.o.ManyReads || ", "",
	}, "restore", "TestBrief"},
	{mutation{
		"a revert does not read tags that it changes", "plan/revert.go",
		"return tags || !c.Before", "return !c.Before",
	}, "restore", "TestRevertReads"},
	{mutation{
		"a revert does not read the labels that can prevent its write", "plan/revert.go",
		" || item.OldestIsLost()\n}", "\n}",
	}, "restore", "TestRevertReads"},
	{mutation{
		"the kept endpoint of a bucket ignores whether paths name buckets", "internal/awsconn/resolved.go",
		"of(p.ForcePathStyle), ", "optional[bool]{}, ",
	}, "internal/awsconn", "TestResolved"},
	{mutation{
		"an index that was read before a listing was recorded counts as compared by it", "archive/early.go",
		" && e.ordered() {", " {",
	}, "archive", "TestFirstIsNotOlder"},
	{mutation{
		"a name that has a delete marker over its index is taken for absent if it is read early", "archive/early.go",
		"e.indexErr == nil && e.index.Exists && ", "",
	}, "archive", "TestFirst"},
	{mutation{
		"a canceled listing of names counts as complete", "archive/names.go",
		"\t\tif err := ctx.Err(); err != nil { // the listings ended early\n\t\t\tyield(source{}, err)\n\t\t}\n", "",
	}, "archive", "TestMerged"},
	{mutation{
		"results of later parameters pile up behind a slow one", "archive/inorder.go",
		"ahead*workers)", "1000*workers)",
	}, "archive", "TestInOrder"},
	{mutation{
		"verification does not name what an admin removed", "verify/checkpoints.go",
		"\t\tc.Removed++\n\t\treturn true\n", "\t\tc.Removed++\n",
	}, "verify", "TestCheckpoints"},
	{mutation{
		"each removed value counts as expired", "archive/checkpoints.go",
		"strings.HasPrefix(l.Key, e.Prefix) && ", "strings.HasPrefix(l.Key, l.Key) && ",
	}, "verify", "TestExplained"},
	{mutation{
		"a value expires as soon as its rule is known", "archive/checkpoints.go",
		"!now.Before(since.Std().AddDate(0, 0, int(e.Days)))", "!now.Before(since.Std())",
	}, "verify", "TestExplained"},
	{mutation{
		"a redaction explains each missing value of its parameter", "archive/checkpoints.go",
		"if r.other[id] {", "if false {",
	}, "verify", "TestExplained"},
	{mutation{
		"a checkpoint need not follow the one before it", "archive/checkpoints.go",
		"case earlier[n-1].Line() != *c.Before:", "case false:",
	}, "verify", "TestChain"},
	{mutation{
		"a missing checkpoint is not noticed", "archive/checkpoints.go",
		"case n == 0 || earlier[n-1].Sequence < c.Before.Sequence:", "case n == 0:\n\t\treturn \"\"\n\tcase earlier[n-1].Sequence < c.Before.Sequence:",
	}, "verify", "TestCheckpoints"},
	{mutation{
		"a checkpoint that was written again is not named", "archive/checkpoints.go",
		"if len(v.ids) > 1 {", "if false {",
	}, "verify", "TestCheckpoints"},
	{mutation{
		"any checkpoint with the number of the known one is accepted", "archive/checkpoints.go",
		"if c.Line() == known {", "if c.Sequence == known.Sequence {",
	}, "verify", "TestRewritten"},
	{mutation{
		"a checkpoint without a signature is accepted in the first hour of signing", "archive/signature.go",
		" && !strings.HasPrefix(key, checkpointsPrefix)", "",
	}, "verify", "TestPlantedCheckpoint"},
	{mutation{
		"a second writer replaces a checkpoint", "archive/checkpoint.go",
		"Document[Checkpoint]{Stored: bucket.Stored{Exists: true}}, nil", "Document[Checkpoint]{}, nil",
	}, "verify", "TestTwoCheckpoints"},
	{mutation{
		"objects of leaves that exist are written again", "archive/checkpoint.go",
		"if same, ok := kept[o.SHA256]; ok {", "if same, ok := kept[\"\"]; ok {",
	}, "archive", "TestCheckpointRequests"},
	{mutation{
		"leaves that are not those of the checkpoint are accepted", "archive/leaves.go",
		"hex.EncodeToString(sum[:]) != o.SHA256 {", "sum == [sha256.Size]byte{} {",
	}, "verify", "TestCheckpoints"},
	{mutation{
		"a copy of the bucket is not compared with its source", "verify/checkpoints.go",
		"\tadd(different(ours, theirs)...)\n", "",
	}, "verify", "TestCopy"},
	{mutation{
		"a copy prevails over a redaction", "timeline/union.go",
		"case !v.Redacted.IsZero():", "case !v.Redacted.IsZero() && len(v.Objects) == 0:",
	}, "timeline", "TestRedaction"},
	{mutation{
		"the last of several redactions counts", "timeline/redaction.go",
		"cmp.Compare(x.By, r.By)) < 0", "cmp.Compare(x.By, r.By)) > 0",
	}, "timeline", "TestRedaction"},
	{mutation{
		"programs that do not know redactions read an index with one", "archive/parts.go",
		"return 3", "return 1",
	}, "archive", "TestRedact"},
	{mutation{
		"a copy that no index names is not redacted", "archive/redact.go",
		"d.version.Ref() != of {", "true {",
	}, "archive", "TestRedact"},
	{mutation{
		"another version is redacted, too", "archive/redact.go",
		" || d.version.Ref() != of {", " {",
	}, "archive", "TestRedact"},
	{mutation{
		"copies that S3 refuses to remove are not named", "archive/redact.go",
		"return false, err.Error(), nil", "return false, \"\", nil",
	}, "archive", "TestRedactKept"},
	{mutation{
		"a redacted value is recorded again", "recorder/values.go",
		"len(known.Objects) > 0 || !known.Redacted.IsZero() ||", "len(known.Objects) > 0 ||",
	}, "internal/cli/ssmbak", "TestScripts/redact"},
	{mutation{
		"the live version can be redacted", "internal/cli/ssmbak/redact.go",
		"live.Versions[n-1].Number == v.Number &&", "false &&",
	}, "internal/cli/ssmbak", "TestScripts/redact"},
	{mutation{
		"a damaged restore record prevents the undo of others", "restore/undo.go",
		"if archive.Unreadable(err) || archive.Unavailable(err) {", "if false {",
	}, "internal/cli/ssmbak", "TestScripts/undo_junk"},
	{mutation{
		"a redaction is not recorded", "archive/redact.go",
		"\tv.Redacted = r\n", "\t_ = r\n",
	}, "archive", "TestRedact"},
	{mutation{
		"only one copy of a redacted value is removed", "archive/redact.go",
		"range all {\n\t\tif object.Marker", "range all[:min(1, len(all))] {\n\t\tif object.Marker",
	}, "archive", "TestRedact"},
	{mutation{
		"a redaction that could not remove a copy succeeds", "archive/redact.go",
		"return false, \"\", fmt.Errorf(\"remove %s (object version %s): %w\", name, object.ID, err)", "return false, \"\", nil",
	}, "internal/simulation/sweep", "TestRedact"},
	{mutation{
		"a redaction does not ask for a confirmation", "internal/cli/ssmbak/redact.go",
		"a.Asks(yes, ", "a.Asks(true || yes, ",
	}, "internal/cli/ssmbak", "TestScripts/redact"},
	{mutation{
		"the version of another life is redacted", "internal/cli/ssmbak/redact.go",
		"v.Number == found[0].Number && v.Time == at", "v.Number == found[0].Number && v.Time <= at",
	}, "internal/cli/ssmbak", "TestScripts/redact_life"},
	{mutation{
		"a version cannot be redacted if its number is live", "internal/cli/ssmbak/redact.go",
		"live.Versions[n-1].Number == v.Number && live.Versions[n-1].Time == v.Time", "live.Versions[n-1].Number == v.Number",
	}, "internal/cli/ssmbak", "TestScripts/redact_life"},
	{mutation{
		"verification does not list redactions", "verify/verify.go",
		"if r.o.Redacted != nil {", "if false {",
	}, "verify", "TestForgedRedaction"},
	{mutation{
		"verification does not find junk that concerns all of the archive", "archive/verify.go",
		"\t\tif why != nil {\n", "\t\tif false {\n",
	}, "verify", "TestVerify"},
	{mutation{
		"the mark of an adoption is not repaired", "archive/legacy.go",
		"if err == nil && d.Invalid {", "if false {",
	}, "internal/cli/ssmbak", "TestScripts/junk"},
	{mutation{
		"no listing follows one that was continued", "recorder/reconcile.go",
		"if report = run.report; !resumed || ", "if report = run.report; true || !resumed || ",
	}, "verify", "TestForgedListing"},
	{mutation{
		"the cache and the progress of a listing are written every 30 seconds", "recorder/round.go",
		" && run.tried*saveShare >= entries", " && entries >= 0",
	}, "recorder", "TestFillWritesLinearly"},
	{mutation{
		"a call may have made another change, too", "timeline/calls.go",
		"count[part{call, u}] == 1 && ", "",
	}, "timeline", "TestActors"},
	{mutation{
		"of two callers the last one counts", "timeline/calls.go",
		"(by == \"\" || by == calls[call].By)", "true",
	}, "timeline", "TestActors"},
	{mutation{
		"a call made a change of its own second only", "timeline/calls.go",
		"const callSlack = 1000", "const callSlack = 0",
	}, "timeline", "TestActors"},
	{mutation{
		"a call made a change of the seconds around it", "timeline/calls.go",
		"const callSlack = 1000", "const callSlack = 2000",
	}, "timeline", "TestActors"},
	{mutation{
		"a gap hides no deletion", "timeline/calls.go",
		"return []unit{{op: ssmbak.OpUpdate}, {op: ssmbak.OpDelete}}", "return []unit{{op: ssmbak.OpUpdate}}",
	}, "timeline", "TestActors"},
	{mutation{
		"the value of a tag does not matter", "timeline/calls.go",
		"return ok && tagUnit(u.key, value) == u", "_ = value\n\t\treturn ok",
	}, "timeline", "TestActors"},
	{mutation{
		"the version of a label does not matter", "timeline/calls.go",
		" && (u.removed || k.Version == 0 || k.Version == u.number)", "",
	}, "timeline", "TestActors"},
	{mutation{
		"a removed label was attached", "timeline/calls.go",
		" && (k.API == APIUnlabel) == u.removed", "",
	}, "timeline", "TestActorsOfAttributesAreTrue"},
	{mutation{
		"one call suffices for a change of two tags", "timeline/calls.go",
		"certain = certain && found", "certain = certain && (found || by != \"\")",
	}, "timeline", "TestActors"},
	{mutation{
		"who changed tags is said although a change was missed", "timeline/calls.go",
		"case reasonLegacy, reasonMarker, reasonTagsMissed:", "case reasonLegacy, reasonMarker:",
	}, "timeline", "TestActors"},
	{mutation{
		"CloudTrail is believed more than Parameter Store", "timeline/calls.go",
		"x.By = x.Version.User; x.By != \"\" || ", "x.By = x.Version.User; ",
	}, "timeline", "TestActors"},
	{mutation{
		"calls that say nothing new are recorded", "timeline/calls.go",
		"if k.API != APIPut || len(k.Tags) > 0 {", "if true {",
	}, "recorder", "TestCalls"},
	{mutation{
		"a deep reconcile does not compare labels", "recorder/unchanged.go",
		"reflect.DeepEqual(r.grow(name, x.Facts, timeline.Facts{}, rd, syncRequest{}), x.Facts)", "reflect.DeepEqual(rd, rd)",
	}, "recorder", "TestDeepRequests"},
	{mutation{
		"a deep reconcile believes an index that was replaced since it was listed", "recorder/unchanged.go",
		" || x.ETag() != etag", "",
	}, "recorder", "TestDeepReplaced"},
	{mutation{
		"a deep reconcile reads no tags although they were not listed", "recorder/compare.go",
		"\t\tif run.tagsErr == nil {\n\t\t\trun.unchanged", "\t\tif true {\n\t\t\trun.unchanged",
	}, "recorder", "TestDeepRequests"},
	{mutation{
		"a listing settles an event", "recorder/indexed.go",
		"return o.Conclusive(n.second) && o.At > o.AsOf", "return o.Conclusive(n.second)",
	}, "recorder", "TestEventWithoutRead"},
	{mutation{
		"an observation within the second of an event settles it", "recorder/indexed.go",
		"return o.Conclusive(n.second) && o.At > o.AsOf", "return o.Conclusive(n.second-1) && o.At > o.AsOf",
	}, "recorder", "TestEventWithoutRead"},
	{mutation{
		"an event that the index settles claims nothing", "recorder/indexed.go",
		"claimed, _ = f.Claim(n.announcement())", "claimed = true",
	}, "recorder", "TestEventWithoutRead|TestBurstOfOneParameter"},
	{mutation{
		"the index settles an event that comes again", "recorder/indexed.go",
		"return n.receives != 1 || n.isRecent(at)", "return n.isRecent(at)",
	}, "recorder", "TestEventWithoutRead"},
	{mutation{
		"the index settles an event although that ends what a listing proves", "recorder/indexed.go",
		"if covered && !reflect", "if false && covered && !reflect",
	}, "recorder", "TestEventWithoutRead"},
	{mutation{
		"a life that began in the second of a deletion is a younger one", "recorder/indexed.go",
		"begins(f, o) >= ssmbak.Seconds(n.second+1)", "begins(f, o) >= ssmbak.Seconds(n.second)",
	}, "recorder", "TestEventWithoutRead"},
	{mutation{
		"the life that an event ends is a younger one", "recorder/indexed.go",
		"(o.Gone || begins(f, o) >= ssmbak.Seconds(n.second+1))", "true",
	}, "recorder", "TestEventWithoutRead"},
	{mutation{
		"the event of labels is settled without an observation of labels", "recorder/indexed.go",
		"return l.Event == \"\" && n.isBefore(l.Observed)", "return true || l.Event == \"\"",
	}, "recorder", "TestEventWithoutRead"},
	{mutation{
		"the event of tags is settled without an observation of tags", "recorder/indexed.go",
		"return t.Event == \"\" && n.isBefore(t.Observed)", "return true || t.Event == \"\"",
	}, "recorder", "TestEventWithoutRead"},
	{mutation{
		"the index settles an event although a value is missing", "recorder/indexed.go",
		"len(v.Objects) == 0 && v.Redacted.IsZero() })", "false })",
	}, "recorder", "TestEventWithoutRead"},
	{mutation{
		"the index settles an event whose version another event claimed meanwhile", "recorder/indexed.go",
		"err == nil && (swap.Met || !settled)", "err == nil && false",
	}, "recorder", "TestTwoEventsOfOneVersion"},
	{mutation{
		"a failed request is a call", "recorder/call.go",
		" || t.ErrorCode.value != \"\"", "",
	}, "recorder", "TestDecodeCalls"},
	{mutation{
		"a request that only reads is a call", "recorder/call.go",
		" || t.ReadOnly.value", "",
	}, "recorder", "TestDecodeCalls"},
	{mutation{
		"a request to another region is a call", "recorder/call.go",
		" ||\n\t\tt.AWSRegion.value != \"\" && t.AWSRegion.value != e.region", "",
	}, "recorder", "TestDecodeCalls"},
	{mutation{
		"a call makes an index", "recorder/sync.go",
		"if s.calls() && (!index.Exists || ", "if s.calls() && (",
	}, "recorder", "TestCalls"},
	{mutation{
		"a call of a parameter without an index does not wait", "recorder/call.go",
		"open[n.event] = true", "_ = n",
	}, "recorder", "TestCallsAreNothingElse"},
	{mutation{
		"CloudTrail's delay is a lag", "recorder/recorder.go",
		"if n.call == nil { // CloudTrail", "if true { // CloudTrail",
	}, "recorder", "TestCallsAreNothingElse"},
	{mutation{
		"a call deletes", "recorder/call.go",
		"s.name, s.second, s.call = parsed, k.Second, &k", "s.name, s.second, s.call, s.operation = parsed, k.Second, &k, ssmbak.OpDelete",
	}, "recorder", "TestCallsInAnyOrder"},
	{mutation{
		"a continued listing is complete as of its continuation", "recorder/progress.go",
		"run.began, run.same = run.listing.Began,", "run.began, run.same = time.Now(),",
	}, "recorder", "TestKilledListing"},
	{mutation{
		"a listing is not saved before the first parameter is read", "recorder/progress.go",
		"\tif len(run.todo) > 0 {\n\t\trun.save(ctx)", "\tif false {\n\t\trun.save(ctx)",
	}, "recorder", "TestKilledListing"},
	{mutation{
		"a listing that is left is not continued", "recorder/progress.go",
		"err != nil || run.fromStart || !run.listing.Continues(time.Now())", "true || err != nil || run.fromStart || !run.listing.Continues(time.Now())",
	}, "recorder", "TestFillInRuns"},
	{mutation{
		"the listed versions of names to do are forgotten", "recorder/progress.go",
		"if v.Number > 0 {", "if false && v.Number > 0 {",
	}, "recorder", "TestGoneBeforeContinued"},
	{mutation{
		"progress of the future is believed", "archive/progress.go",
		", Latest: (*progressDocument).latest}", "}",
	}, "recorder", "TestForgedProgress"},
	{mutation{
		"progress that a newer program wrote is used", "archive/progress.go",
		"if d.Reader > progressFormat {", "if false {",
	}, "recorder", "TestNewerProgress"},
	{mutation{
		"unavailable values are read before everything else", "recorder/compare.go",
		"run.again = append(run.again, name)\n\t\treturn", "run.same--",
	}, "recorder", "TestUnreadableStarveNobody"},
	{mutation{
		"unavailable values are not read again", "recorder/progress.go",
		"if len(run.again) == 0 {", "if true {",
	}, "recorder", "TestUnreadableStarveNobody"},
	{mutation{
		"the functions read without a rate", "paramstore/paramstore.go",
		"paced(client, o.MaxReadRate, nil, clock)", "paced(client, 0, nil, clock)",
	}, "recorder", "TestApplicationIsServed"},
	{mutation{
		"secrets are read one by one", "recorder/begin.go",
		"\tif !index.Exists {\n\t\treturn true\n", "\tif !index.Exists {\n\t\treturn false\n",
	}, "recorder", "TestOneHistory"},
	{mutation{
		"the event of a deletion is believed while the parameter is still there", "recorder/sync.go",
		"return !rd.outlives(n.second) })", "return true })",
	}, "recorder", "TestForgedDeletion"},
	{mutation{
		"the event of a deletion is done while the parameter is still there", "recorder/settle.go",
		"rd.outlives(n.second) || ", "",
	}, "recorder", "TestForgedDeletion"},
	{mutation{
		"an event without a queue is a fact", "recorder/recorder.go",
		"err = errors.Join(err, r.Sync(ctx, n.name))", "_ = r.handle(ctx, n.name, []signal{n})\n\t\t\terr = errors.Join(err)",
	}, "recorder", "TestBareEventIsNoFact"},
	{mutation{
		"an unavailable value is no warning", "recorder/sync.go",
		"if o.unreadable > 0 {\n\t\tr.log", "if false {\n\t\tr.log",
	}, "internal/function", "TestUnreadableIsLoud"},
	{mutation{
		"unavailable values are not counted", "internal/function/reconcile.go",
		"float64(len(report.Unreadable))", "0",
	}, "internal/function", "TestUnreadableIsLoud"},
	{mutation{
		"a batch says that nothing is unreadable", "internal/function/function.go",
		"if len(b.Unreadable) > 0 {", "if true {",
	}, "internal/function", "TestBatchMetrics"},
	{mutation{
		"a pending change counts as returned because of an error", "internal/function/function.go",
		"; !pending {", "; true || !pending {",
	}, "internal/function", "TestBatchMetrics"},
	{mutation{
		"a time in the future is believed", "archive/internal/bucket/document.go",
		"if at <= stored.Add(", "if true || at <= stored.Add(",
	}, "verify", "TestForgedReconciled"},
	{mutation{
		"an object of a multipart upload is believed", "archive/internal/bucket/bucket.go",
		"if isMultipart(o.ETag) {", "if false {",
	}, "verify", "TestForgedValues|TestForgedReconciled"},
	{mutation{
		"a recording that is under way is a fault", "archive/verify.go",
		"const underWay = time.Minute", "const underWay = 0",
	}, "verify", "TestWhileRecording"},
	{mutation{
		"a wrong clock is not noticed", "internal/awsclock/awsclock.go",
		"c.ahead.Store(int64(local.Sub(server)))", "_ = local.Sub(server)",
	}, "archive", "TestClockSkewed"},
	{mutation{
		"a clock that is ahead is believed by readings", "paramstore/paramstore.go",
		"began.Add(-max(ahead, 0))", "began.Add(-max(0*ahead, 0))",
	}, "recorder", "TestClocksApart"},
	{mutation{
		"a clock that is behind is believed by readings", "paramstore/paramstore.go",
		"time.Now().Add(-min(ahead, 0))", "time.Now().Add(-min(0*ahead, 0))",
	}, "recorder", "TestClocksApart"},
	{mutation{
		"a clock that is ahead is believed by a listing", "recorder/reconcile.go",
		"began: r.archive.Now()", "began: time.Now()",
	}, "recorder", "TestClocksApart"},
	{mutation{
		"an undo believes the clock of the restore", "restore/undo.go",
		"const clocks = archive.Tolerance", "const clocks = archive.Tolerance / 30",
	}, "restore", "TestClockDiffers"},
	{mutation{
		"the metadata of a value is not compared with its fact", "archive/values.go",
		"case d.version.Number != of.Number || d.version.Time != of.Time || d.version.Type != of.Type:", "case false:",
	}, "archive", "TestCopies"},
	{mutation{
		"an object from before its version is a copy", "archive/values.go",
		"case ssmbak.TimeOf(o.Modified).Add(time.Second+bucket.Tolerance) < of.Time:", "case false:",
	}, "archive", "TestCopies"},
	{mutation{
		"copies that differ are believed", "archive/values.go",
		"case found && !bytes.Equal(text, o.Body):", "case false && found && !bytes.Equal(text, o.Body):",
	}, "verify", "TestForgedCopy"},
	{mutation{
		"a restore record may name a value of another parameter", "archive/records.go",
		"x.Before.Source != x.Name {", "false {",
	}, "verify", "TestPlantedRecord"},
	{mutation{
		"undo does not compare the authors", "restore/undo.go",
		"(r.o.By == \"\" || v.User == rec.By)", "true",
	}, "verify", "TestPlantedRecord"},
	{mutation{
		"a replaced identity is not restored", "archive/essential.go",
		"d.Invalid || next != d.Value, nil", "d.Invalid, nil",
	}, "verify", "TestForgedIdentity"},
	{mutation{
		"what a replaced last listing lacks is lost", "archive/essential.go",
		"next.add(*old)", "_ = old",
	}, "verify", "TestForgedReconciled"},
	{mutation{
		"a damaged last listing is refused", "archive/format.go",
		"case d.Invalid && required:", "case false:",
	}, "verify", "TestForgedReconciled"},
	{mutation{
		"the reconcile cache is believed for ever", "recorder/recheck.go",
		"return ago < run.began.Sub(since)", "return ago < 0",
	}, "verify", "TestForgedFacts"},
	{mutation{
		"facts that were removed are not restored", "archive/grown.go",
		"lost = lostFacts(now, timeline.Union(now, facts)); lost == \"\"", "lost = lostFacts(now, now); lost == \"\"",
	}, "verify", "TestForgedFacts"},
	{mutation{
		"a version that Parameter Store never had is no failure", "recorder/sync.go",
		"if s.recordAbsent && present && rd.contradicts(newest) {", "if false {",
	}, "verify", "TestForgedVersion"},
	{mutation{
		"a contradicted observation of absence ends a life", "timeline/placement.go",
		" && o.At > s.provedUntil", "",
	}, "verify", "TestForgedFacts"},
	{mutation{
		"what was stored after the adoption is a legacy record", "archive/internal/legacy/legacy.go",
		" || o.Until != 0 && v.Modified > o.Until", "",
	}, "archive", "TestAdopted"},
	{mutation{
		"a mark that exists is replaced", "archive/marks.go",
		"d.Value.At != 0 && !move", "false",
	}, "archive", "TestMarks"},
	{mutation{
		"a removed mark still exists", "archive/marks.go",
		"if err == nil && d.Value.At == 0 {", "if err == nil && !d.Exists {",
	}, "archive", "TestMarks"},
	{mutation{
		"a mark is not written before it is read", "archive/marks.go",
		"return a.swapMark(ctx, m, bucket.Document[Mark]{}, move,", "base, err := a.loadMark(ctx, m.Name, move)\n\tif err != nil {\n\t\treturn Mark{}, err\n\t}\n\treturn a.swapMark(ctx, m, base, move,",
	}, "archive", "TestMarkNeedsNoReading"},
	{mutation{
		"a mark whose answer was lost exists", "archive/marks.go",
		"d.Exists && d.Value.same(m)", "false",
	}, "archive", "TestMarkWithoutAnswer"},
	{mutation{
		"a listing keeps labels' times that no listing wrote", "archive/reconciled.go",
		"if r.Labels.After(l.Compared) {", "if false {",
	}, "verify", "TestForgedLabels"},
	{mutation{
		"a listing drops the time at which labels were compared", "recorder/reconcile.go",
		"run.saveCache(ctx) // before the archive says it", "// before the archive says it",
	}, "verify", "TestForgedLabels"},
	{mutation{
		"a change of labels within the second of a time is not noted", "timeline/timeline.go",
		"|| labelled && differs(t.labels(), life, before, after)", "|| labelled && false",
	}, "internal/cli/ssmbak", "TestScripts/before"},
	{mutation{
		"an event of tags that changed nothing is noted", "timeline/timeline.go",
		"tagged && differs(t.tags(), life, before, after)", "tagged",
	}, "timeline", "TestAttributesChanged"},
	{mutation{
		"the report does not name expired values", "archive/completeness.go",
		"h.Expired = append(h.Expired, v)", "_ = v",
	}, "internal/cli/ssmbak", "TestScripts/status_report"},
	{mutation{
		"the report takes what was missed for recorded", "internal/health/completeness.go",
		"for _, m := range r.Missed {", "for _, m := range r.Missed[:0] {",
	}, "internal/cli/ssmbak", "TestScripts/status_report"},
	{mutation{
		"a verification of the future is believed", "archive/verification.go",
		"Gzip: true, Limit: 8 << 20, Latest: (*Verification).latest,", "Gzip: true, Limit: 8 << 20,",
	}, "archive", "TestVerification"},
	{mutation{
		"a verification has impossible times", "archive/verification.go",
		"round.Ended.IsZero() != (round == v.Round)", "false",
	}, "archive", "TestVerification"},
	{mutation{
		"the description of the stack is not verified", "archive/verification.go",
		"func() error { _, _, err := a.Deployment(ctx); return err },\n", "",
	}, "archive", "TestDamagedDocuments"},
	{mutation{
		"a drill has as much time as it says", "archive/drill.go",
		"d.Until.Sub(d.Began) > maxDrill", "false",
	}, "archive", "TestDamagedDocuments"},
	{mutation{
		"a verification forgets faults that it did not look for again", "verify/walk.go",
		"f.Name > before.Next && f.Name <= report.Last", "true",
	}, "verify", "TestWalk"},
	{mutation{
		"a fault stays though its object was verified again", "verify/walk.go",
		"if !again {", "if !again || true {",
	}, "verify", "TestWalk"},
	{mutation{
		"a verification begins at the first name each time", "verify/walk.go",
		"Options{After: before.Next, ", "Options{",
	}, "verify", "TestWalk"},
	{mutation{
		"a verification does not stop in time", "verify/verify.go",
		"!o.Until.IsZero() && !time.Now().Before(o.Until)", "false",
	}, "verify", "TestWalkInTime"},
	{mutation{
		"the verifying function does not measure faults", "internal/function/verify.go",
		"metric{metricFaults, float64(answer.Faults)}, ", "",
	}, "internal/function", "TestVerifyInvocation"},
	{mutation{
		"restored indexes are not measured", "internal/function/reconcile.go",
		"+ len(report.Restored)", "",
	}, "internal/function", "TestForgedIsMeasured"},
	{mutation{
		"status believes a damaged record of verifications", "internal/health/verification.go",
		"case errors.As(err, &damaged):", "case errors.As(err, &damaged) && false:",
	}, "internal/cli/ssmbak", "TestScripts/status_verification"},
	{mutation{
		"status does not report faults", "internal/health/verification.go",
		"case faults > 0:", "case false:",
	}, "internal/cli/ssmbak", "TestScripts/status_verification"},
	{mutation{
		"a mark may name the future", "archive/format.go",
		"Latest: (*Mark).latest, ", "",
	}, "archive", "TestForgedMarks"},
	{mutation{
		"a mark may begin long before its time", "archive/marks.go",
		" || m.At > 0 && m.Begin < m.At-999", "",
	}, "archive", "TestForgedMarks"},
	{mutation{
		"a revert takes back units that changed since", "plan/revert.go",
		"case !isTo && !stays:", "case false && !isTo && !stays:",
	}, "plan", "TestRevertUnits|TestRevertModel"},
	{mutation{
		"a revert takes back units that changed since, with others at work", "plan/revert.go",
		"case !isTo && !stays:", "case false && !isTo && !stays:",
	}, "internal/simulation/restoring", "TestReverts"},
	{mutation{
		"a revert with --by takes back what others changed, with others at work", "plan/revert.go",
		"case len(c.Others) > 0:", "case false:",
	}, "internal/simulation/restoring", "TestReverts"},
	{mutation{
		"a revert deletes what was created in between and tagged since, with others at work", "plan/revert.go",
		"if len(changed) > 0 {", "if false {",
	}, "internal/simulation/restoring", "TestReverts"},
	{mutation{
		"a revert changes a description while the value is in conflict", "plan/revert.go",
		"case valueConflicts:", "case false:",
	}, "plan", "TestRevertUnits|TestRevertModel"},
	{mutation{
		"a revert writes a value under another type than the recorded one", "plan/conflict.go",
		"from.Tier, from.Policies, from.Description = to.Tier, to.Policies, to.Description",
		"from.Type, from.Tier, from.Policies, from.Description = to.Type, to.Tier, to.Policies, to.Description",
	}, "plan", "TestRevertUnits|TestRevertModel"},
	{mutation{
		"a revert compares values without their types", "plan/conflict.go",
		"y.Tier, y.Policies, y.Description = x.Tier", "y.Type, y.Tier, y.Policies, y.Description = x.Type, x.Tier",
	}, "plan", "TestRevertUnits"},
	{mutation{
		"a revert takes back tags that changed since", "plan/revert.go",
		"case value != d.After || exists == d.NoAfter:", "case false:",
	}, "plan", "TestRevertUnits|TestRevertModel"},
	{mutation{
		"a revert moves labels that moved on since", "plan/revert_labels.go",
		"case !c.onVersion(to, to.Labels.V[label], on):", "case false:",
	}, "plan", "TestRevertUnits|TestRevertModel"},
	{mutation{
		"a revert deletes a created parameter that was tagged since", "plan/revert.go",
		"for _, d := range compareTags(to.Tags.V, c.Before.Tags.V) {", "for _, d := range compareTags(nil, nil) {",
	}, "plan", "TestRevertExistence|TestRevertModel"},
	{mutation{
		"a revert deletes a created parameter that was created again since", "plan/revert.go",
		"case !c.lives(to):", "case false:",
	}, "plan", "TestRevertExistence|TestRevertModel"},
	{mutation{
		"a revert overwrites a deleted parameter that was created again since", "plan/revert.go",
		"if c.Before != nil && again.Action != ActionSkip && (", "if false && (",
	}, "plan", "TestRevertExistence|TestRevertModel"},
	{mutation{
		"a revert takes back what others changed", "plan/revert.go",
		"case len(c.Others) > 0:", "case false:",
	}, "plan", "TestRevertExistence"},
	{mutation{
		"a revert does not skip a parameter that is unknown at the later time", "plan/revert.go",
		"for _, s := range []Side{c.From, c.To} {", "for _, s := range []Side{c.From} {",
	}, "plan", "TestRevertExistence"},
	{mutation{
		"a revert puts a label on a version of another life", "plan/revert_labels.go",
		"case c.lives(from):", "case true:",
	}, "plan", "TestRevertExistence"},
	{mutation{
		"a revert changes the data type in place", "plan/revert.go",
		"case u.unit == UnitValue && !o.Replace && fixed(", "case false && fixed(",
	}, "plan", "TestRevertUnits|TestRevertModel"},
	{mutation{
		"a revert removes an expiration that it is not to change", "plan/revert.go",
		"expired != \"\" && item.NewVersion() && !taken[UnitTier]", "expired != \"\" && false",
	}, "plan", "TestRevertUnits"},
	{mutation{
		"a revert does not read tags and labels again before it writes", "restore/apply.go",
		"newImages(ctx, &run), p.Until != 0", "newImages(ctx, &run), false",
	}, "restore", "TestRevertGuarded"},
	{mutation{
		"a revert with --by takes back what unknown principals changed", "restore/conflicts.go",
		"|| c.By != \"\" && r.o.IncludesPrincipal(c.By) {", "|| c.By == \"\" || r.o.IncludesPrincipal(c.By) {",
	}, "restore", "TestRevertBy"},
	{mutation{
		"a revert with --by takes back what others changed", "restore/conflicts.go",
		"|| c.By != \"\" && r.o.IncludesPrincipal(c.By) {", "|| c.By != \"\" {",
	}, "restore", "TestRevertBy"},
	{mutation{
		"a conflict names a change of another unit", "restore/conflicts.go",
		"if !unit.Unchanged(before, after) {", "if _ = unit.Unchanged(before, after); true {",
	}, "restore", "TestRevertAttribution"},
	{mutation{
		"a revert skips a deleted parameter as unknown that did not exist before either", "plan/revert.go",
		"if c.Before == nil && c.From.State.Deleted && incomplete(c.From) == \"\" {", "if false {",
	}, "plan", "TestRevertExistence"},
	{mutation{
		"a revert takes a deleted parameter for unchanged that may have existed before", "plan/revert.go",
		"c.From.State.Deleted && incomplete(c.From) == \"\"", "true",
	}, "plan", "TestRevertExistence"},
	{mutation{
		"a revert with --replace loses a label", "plan/revert_labels.go",
		"item.Refused = cmp.Or(item.Refused, fmt.Sprintf(\"deleting and", "_ = cmp.Or(item.Refused, fmt.Sprintf(\"deleting and",
	}, "plan", "TestRevertReplace|TestRevertModel"},
	{mutation{
		"a revert with --replace lowers the tier of a long value", "plan/revert_options.go",
		"return o.Replace && from.Version.Tier == standard &&", "return false && from.Version.Tier == standard &&",
	}, "plan", "TestRevertReplace"},
	{mutation{
		"a revert with --key-id changes the key of a value that it does not take back", "plan/revert.go",
		"written.KeyID = \"\"", "_ = written.KeyID",
	}, "plan", "TestRevertKey|TestRevertModel"},
	{mutation{
		"a revert with --key-id reports its own work as a conflict", "plan/revert_options.go",
		"return again && certain, known", "return again && certain && false, known",
	}, "plan", "TestRevertKey|TestRevertModel"},
	{mutation{
		"a revert does not read the tags of a parameter again that it replaces", "restore/guard.go",
		"return item.Removes() ||", "return item.Action == plan.ActionDelete ||",
	}, "restore", "TestRevertReplacement"},
	{mutation{
		"the record of a revert lacks the later time", "plan/document.go",
		"Until: p.Until,\n", "\n",
	}, "restore", "TestRevert"},
	{mutation{
		"what a listing proved of a parameter is lost when the next one cannot read it", "recorder/listed.go",
		"f := timeline.Union(base, seen)", "f := timeline.Union(base, timeline.Facts{Legacy: seen.Legacy})",
	}, "recorder", "TestFailedKeepsListing"},
	{mutation{
		"what a listing proved of a deleted parameter is lost when the next one cannot read it", "recorder/round.go",
		"run.r.recordFailed(ctx, name, nil, run.began, cause)", "_ = cause",
	}, "recorder", "TestFailedKeepsListing"},
	{mutation{
		"a message that comes again does not check the delete marker", "recorder/sync.go",
		"s.check || s.redelivered() || swap.Met", "s.check || swap.Met",
	}, "internal/simulation/sweep", "TestRecord"},
	{mutation{
		"a replacement whose response was lost is given up", "restore/replace.go",
		"if number == 0 && err != nil && !errors.As(err, &refused) {", "if false {",
	}, "restore", "TestReplaceFails"},
	{mutation{
		"an undo that was killed is a conflict for the next", "restore/undo.go",
		"if x.Replaces && x.Written == 0 && x.Before != nil && x.Before.Version.Ref() == newest.Ref() {", "if false && x.Before.Version.Ref() == newest.Ref() {",
	}, "internal/simulation/sweep", "TestUndo"},
	{mutation{
		"a restore that was killed is a conflict for its undo", "restore/undo.go",
		"case x.Status == \"\" && n > a.Version.Number && s.line != nil:", "case false:",
	}, "restore", "TestUndoKilledAfterLostAnswer"},
	{mutation{
		"an archive is adopted although records could not be read", "archive/legacy.go",
		"if len(problems) > 0 {\n\t\treturn n, problems, nil", "if false {\n\t\treturn n, problems, nil",
	}, "internal/simulation/sweep", "TestAdopt"},
	{mutation{
		"a part that another program wrote is believed", "archive/parts.go",
		"hex.EncodeToString(sum[:]) != r.Part.SHA256 {", "false {\n\t\t_ = sum",
	}, "archive", "TestForgedPart"},
	{mutation{
		"an undo that could not replace a parameter is a conflict for the next", "restore/undo.go",
		"!x.Replaces || x.Before == nil || s.c.Before.Version.Number != 1", "true || !x.Replaces || x.Before == nil || s.c.Before.Version.Number != 1",
	}, "restore", "TestUndoAfterFailedReplacement"},
	{mutation{
		"completion lists all pages", "archive/internal/bucket/bucket.go",
		"\tpage, err := b.Client.ListObjectsV2(ctx, in)\n\tif err != nil {\n\t\treturn nil,", "\tpage, err := b.Client.ListObjectsV2(ctx, in)\n\tif err == nil {\n\t\t_, _ = b.Client.ListObjectsV2(ctx, in)\n\t}\n\tif err != nil {\n\t\treturn nil,",
	}, "archive", "TestCompleter"},
	{mutation{
		"completion repeats a request", "internal/cli/shell/completion.go",
		"s.AWS.MaxAttempts = 1", "",
	}, "internal/cli/ssmbak", "TestCompletionAsksOnce"},
	{mutation{
		"completion waits for an answer", "internal/cli/shell/completion.go",
		"completionTime = 400", "completionTime = 4000",
	}, "internal/cli/ssmbak", "TestCompletionAsksOnce"},
	{mutation{
		"completion looks up the bucket of a stack", "internal/cli/ssmbak/completion.go",
		"\tif bucket == \"\" {\n\t\treturn nil\n\t}\n\treturn a.Look(ctx, func(ctx context.Context, conn *awsconn.Conn) ([]string, error) {",
		"\treturn a.Look(ctx, func(ctx context.Context, conn *awsconn.Conn) (_ []string, err error) {\n\t\tif bucket, _, err = a.bucket(ctx, conn); err != nil {\n\t\t\treturn nil, err\n\t\t}",
	}, "internal/cli/ssmbak", "TestCompletionAsksOnce"},
	{mutation{
		"a report of a plan is cut", "internal/cli/render/fit.go",
		"v.Width > 0 && v.Format == Framed && width > v.Width", "v.Width > 0 && width > v.Width",
	}, "internal/cli/render", "TestPlansFit"},
	{mutation{
		"the part of two values that differs is cut", "internal/cli/render/fit.go",
		"if text.StringWidth(string(b[:n])) < width-2 {", "if true {",
	}, "internal/cli/render", "TestPlansFit"},
	{mutation{
		"what was read before is in a document", "archive/internal/bucket/compact.go",
		"\t\tall.Clear() //", "\t\t//",
	}, "archive/internal/bucket", "TestCompact"},
	{mutation{
		"an escape in a document is taken for text", "archive/internal/bucket/compact.go",
		"\t\t\tplain = false\n", "",
	}, "archive/internal/bucket", "TestCompactIsExact"},
	{mutation{
		"what follows a document is not read", "archive/internal/bucket/compact.go",
		"return read(&c, v) && (len(c.text) == 0 || string(c.text) == \"\\n\")", "return read(&c, v)",
	}, "archive/internal/bucket", "TestCompactIsExact"},
	{mutation{
		"facts that are not merged are taken for canonical", "timeline/union.go",
		"!slices.ContainsFunc(f.Versions, unmerged) &&", "true &&",
	}, "timeline", "FuzzUnion"},
	{mutation{
		"a listing of objects ends after a page", "archive/internal/bucket/bucket.go",
		"pages := s3.NewListObjectsV2Paginator(b.Client, in); pages.HasMorePages(); {", "pages, first := s3.NewListObjectsV2Paginator(b.Client, in), true; first; first = false {",
	}, "archive", "TestContract"},
	{mutation{
		"a listing of object versions ends after a page", "archive/internal/bucket/bucket.go",
		"pages := s3.NewListObjectVersionsPaginator(b.Client, in); pages.HasMorePages(); {", "pages, first := s3.NewListObjectVersionsPaginator(b.Client, in), true; first; first = false {",
	}, "archive", "TestReindex"},
	{mutation{
		"an index of any size is written", "archive/internal/bucket/document.go",
		"n > r.most {", "n > r.most && false {",
	}, "archive", "TestIndexIsBounded"},
	{mutation{
		"an index that is too large is not divided", "recorder/sync.go",
		"ok && r.divide(ctx, large) {", "ok && large == nil {",
	}, "recorder", "TestLargeIndexIsDivided"},
	{mutation{
		"the size of an index is limited where it cannot be divided", "archive/parts.go",
		"\tif !w.identity.Parts {\n\t\treturn 0\n", "\tif false {\n\t\treturn 0\n",
	}, "archive", "TestIndexIsBounded"},
	{mutation{
		"any signature is valid", "archive/signature.go",
		"if !ecdsa.VerifyASN1(public, a.digest(key, body), raw) {", "if ecdsa.VerifyASN1(public, nil, raw) {",
	}, "verify", "TestSigned"},
	{mutation{
		"a signature is not that of one key", "archive/signature.go",
		"hex.EncodeToString(sum[:]), key}", "hex.EncodeToString(sum[:])}",
	}, "archive", "TestSignatureOfOneObject"},
	{mutation{
		"a signature is not that of one bucket", "archive/signature.go",
		"account, region, name, hex", "account, region, hex",
	}, "archive", "TestSignatureOfOneObject"},
	{mutation{
		"a writer builds on an index that is not signed", "archive/signature.go",
		"Required: true, Accepts", "Required: false, Accepts",
	}, "verify", "TestSigned"},
	{mutation{
		"a reader calls proved what is not signed", "archive/reconciled.go",
		", Unproved: a.unproved(x)", "",
	}, "archive", "TestSignatureOfOneObject"},
	{mutation{
		"a reader believes what is complete without a signature", "archive/format.go",
		"Signed: true, NeedsSignature: true", "Signed: true",
	}, "verify", "TestSigned"},
	{mutation{
		"a reconcile continues a listing that is not signed", "archive/progress.go",
		"Signed: true, ", "",
	}, "verify", "TestSigned"},
	{mutation{
		"an index without a signature is left unchanged", "archive/index.go",
		"!d.Exists || outdated(d) || ", "!d.Exists || ",
	}, "verify", "TestSigned"},
	{mutation{
		"an unsigned index is accepted whenever it was stored", "archive/signature.go",
		" && !modified.After(s.Since.Add(signingGrace))", "",
	}, "verify", "TestSigned"},
	{mutation{
		"indexes from before the archive was signed are refused", "archive/signature.go",
		"Accepts: a.predatesSigning,", "",
	}, "verify", "TestSigningBegins"},
	{mutation{
		"excluded parameters stay unsigned", "recorder/compare.go",
		"\trun.signExcluded(ctx, l, last)\n", "",
	}, "verify", "TestSigningBegins"},
	{mutation{
		"an index is written without a signature if the key is disabled", "archive/internal/bucket/signature.go",
		"return &SignError{w.Key, err}", "return nil",
	}, "verify", "TestSigningKeyDisabled"},
	{mutation{
		"a hidden index is restored from a version that is not signed", "archive/hidden.go",
		"if isUnsigned(err) {\n\t\t\tunsigned", "if false {\n\t\t\tunsigned",
	}, "verify", "TestSigned"},
	{mutation{
		"the identity of the archive does not keep how it is signed", "archive/essential.go",
		"next.Signing = signing\n", "_ = signing\n",
	}, "verify", "TestSigned"},
	{mutation{
		"restore --check does not ask about keys", "internal/permission/permission.go",
		"[]string{\"kms:Decrypt\", \"kms:Encrypt\", \"kms:GenerateDataKey\"}", "[]string{\"kms:Encrypt\"}",
	}, "internal/stack", "TestCheckOfRestorers"},
	{mutation{
		"a role is taken to have no path", "internal/permission/permission.go",
		"return aws.ToString(out.Role.Arn), nil", "_ = out\n\t\treturn base + role, nil",
	}, "internal/permission", "TestPrincipal"},
	{mutation{
		"an action that is denied everywhere is named for each parameter", "internal/permission/permission.go",
		"len(of) > 1 && len(of) == len(need.Resources)", "false",
	}, "internal/permission", "TestDenied"},
}
