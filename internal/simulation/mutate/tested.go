package main

// tested are mutations that the named test of a package finds.
var tested = []struct {
	mutation
	pkg, test string
}{
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
		"d.Value.Began.After(d.Modified.Add(time.Minute))", "false",
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
		"paced(client, o.MaxReadRate, nil)", "paced(client, 0, nil)",
	}, "recorder", "TestApplicationIsServed"},
	{mutation{
		"secrets are read one by one", "recorder/sync.go",
		"\tif !index.Exists {\n\t\treturn true\n", "\tif !index.Exists {\n\t\treturn false\n",
	}, "recorder", "TestOneHistory"},
	{mutation{
		"the event of a deletion is believed while the parameter is still there", "recorder/sync.go",
		" && !rd.outlives(n.second) {", " {",
	}, "recorder", "TestForgedDeletion"},
	{mutation{
		"the event of a deletion is done while the parameter is still there", "recorder/settle.go",
		"rd.outlives(n.second) || ", "",
	}, "recorder", "TestForgedDeletion"},
	{mutation{
		"an event without a queue is a fact", "recorder/recorder.go",
		"return r.Sync(ctx, n.name)", "_ = r.handle(ctx, n.name, []signal{n})\n\treturn nil",
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
		"the age of a reconcile that failed is unknown", "internal/function/reconcile.go",
		"err != nil || !reconciled.Last.IsZero()", "true",
	}, "internal/function", "TestReconcileMetrics"},
}
