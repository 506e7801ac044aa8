package main

// commanded are mutations of what commands decide, send, show and ask, that the named test
// of a package finds.
var commanded = []tests{
	{mutation{
		"a parameter that may have existed is deleted", "plan/decide.go",
		"case w.Deleted && (c.Covered || c.Before == nil || o.AssumeLastKnown || !o.Exact):", "case w.Deleted:",
	}, "plan", "TestDecide"},
	{mutation{
		"an unrecorded live version is replaced", "plan/decide.go",
		"item.Refused = cmp.Or(item.Refused, c.Unsaved, c.TagsUnsaved)\n\t}\n\tif item.NewVersion() {", "_ = c.TagsUnsaved\n\t}\n\tif item.NewVersion() {",
	}, "plan", "TestDecide|TestModel"},
	{mutation{
		"a conflict is written over", "plan/decide.go",
		"item.Refused, item.Remedy = c.Conflict, RemedyNone", "item.Remedy = RemedyNone",
	}, "restore", "TestUndoConflicts"},
	{mutation{
		"tags that are reserved for AWS are set", "plan/decide.go",
		"return len(key) >= 4 && strings.EqualFold(key[:4], \"aws:\")", "return strings.HasPrefix(key, \"aws::\")",
	}, "restore", "TestReservedTags"},
	{mutation{
		"an undo removes tags that the restore did not change", "plan/decide.go",
		"\t\t\tfrom = c.Before.Tags.V\n", "\t\t\t_ = c.Before.Tags.V\n",
	}, "restore", "TestUndoReplacesAndKeepsTags"},
	{mutation{
		"a policy that has expired is written", "plan/policies.go",
		"ok && at <= now {", "ok && at <= now && false {",
	}, "plan", "TestUnexpired"},
	{mutation{
		"the notification of an expiration that was removed is kept", "plan/policies.go",
		"\t\t\tnotified = true\n", "\t\t\tnotified = true\n\t\t\ttexts = append(texts, string(text))\n",
	}, "plan", "TestUnexpired"},
	{mutation{
		"a label of a version that exists again is moved", "plan/labels.go",
		"same && slices.ContainsFunc(history, ", "false && slices.ContainsFunc(history, ",
	}, "restore", "TestLabels"},
	{mutation{
		"a revert by principal takes an index that was hidden since for one without changes", "restore/conflicts.go",
		"x.Facts.Empty() && s.line != nil", "false",
	}, "restore", "TestHiddenWhileItPlans"},
	{mutation{
		"a revert by principal does not notice that an index became unreadable", "restore/revert.go",
		"if s.problem != nil { // since", "if false { // since",
	}, "restore", "TestHiddenWhileItPlans"},
	{mutation{
		"a write is not preceded by a read", "restore/recheck.go",
		"return check(found)", "_ = found\n\t\treturn nil",
	}, "restore", "TestRaces"},
	{mutation{
		"the read before a write may be of any age", "restore/recheck.go",
		"(r.err != nil || time.Since(r.at) > recheckAge)", "r.err != nil",
	}, "restore", "TestRecheckRate"},
	{mutation{
		"a plan believes tags that the archive does not know", "restore/attributes.go",
		"(!before.Tags.IsKnown() || onlyTags)", "onlyTags",
	}, "restore", "TestFewReads"},
	{mutation{
		"a plan does not read tags that are all it would change", "restore/attributes.go",
		"(!before.Tags.IsKnown() || onlyTags)", "(!before.Tags.IsKnown() || onlyTags && false)",
	}, "restore", "TestFewReads"},
	{mutation{
		"a plan does not read the history of a label", "restore/attributes.go",
		"len(w.Labels.V)+len(before.Labels.V) > 0", "false",
	}, "restore", "TestFewReads"},
	{mutation{
		"a plan does not read the tags of what it deletes", "restore/attributes.go",
		"case item.Removes():", "case false:",
	}, "restore", "TestFewReads"},
	{mutation{
		"an undo does not read the tags that it changes", "restore/attributes.go",
		"return tags && w.Tags.IsKnown(), ", "return false, ",
	}, "restore", "TestFewReads"},
	{mutation{
		"an undo does not see that the oldest version has a label", "restore/attributes.go",
		"(labels || item.OldestIsLost())", "labels",
	}, "restore", "TestUndoOldestLabelled"},
	{mutation{
		"tags that were not read are changed without a read", "restore/apply.go",
		"p.Until != 0, p.untested", "p.Until != 0, nil",
	}, "restore", "TestFewReads"},
	{mutation{
		"tags that are not as recorded are changed", "restore/guard.go",
		"if maps.Equal(plan.UserTags(item.Before.Tags.V), plan.UserTags(tags)) {", "if tags != nil {",
	}, "restore", "TestFewReads"},
	{mutation{
		"restores of one second have any order", "archive/records.go",
		", b.Began.Compare(a.Began))", ", 0)",
	}, "archive", "TestNewestRestores"},
	{mutation{
		"undo last chooses one of two restores of a millisecond", "internal/cli/ssmbak/undolast.go",
		"\t\t\tlast = append(last, r)\n", "\t\t\tlast = []*plan.Document{r}\n",
	}, "internal/cli/ssmbak", "TestScripts/undo_last_second"},
	{mutation{
		"a check of a restore from elsewhere does not ask about the bucket that it reads", "internal/cli/ssmbak/check.go",
		"needs = append(needs, place.ReadNeeds(s.archive.Bucket(), names)...)", "_ = place.ReadNeeds(s.archive.Bucket(), names)",
	}, "internal/cli/ssmbak", "TestScripts/into"},
	{mutation{
		"a restore from elsewhere deletes what had been deleted there", "plan/decide.go",
		"return o.Exact || v == verdictDeleted && !c.copied()", "return o.Exact || v == verdictDeleted && c.Name == c.After.Name",
	}, "internal/simulation/restoring", "TestSimulation"},
	{mutation{
		"a restore from elsewhere has no record", "restore/apply.go",
		"if r.archive != nil {", "if r.archive != nil && r.o.From == nil {",
	}, "internal/simulation/restoring", "TestSimulation"},
	{mutation{
		"a restore from elsewhere reads the values here", "restore/values.go",
		"if s.c.Move != nil {", "if s.c.Move != nil && r.archive == nil {",
	}, "internal/simulation/restoring", "TestSimulation"},
	{mutation{
		"the sets of a copy end with a revert", "internal/cli/ssmbak/sets.go",
		"if !a.foreign {", "if true {",
	}, "internal/cli/ssmbak", "TestScripts/into"},
	{mutation{
		"a rate is never raised", "paramstore/pace.go",
		"p.rate *= up", "_ = up",
	}, "paramstore", "TestWriterRecovers"},
	{mutation{
		"a busy parameter is tried for ever", "paramstore/busy.go",
		"if now.Sub(s.last) > BusyPatience {", "if true {",
	}, "paramstore", "TestTooManyUpdates"},
	{mutation{
		"verification takes a value that differs for the live one", "verify/verify.go",
		"case !held.V.Equal(value):", "case false && !held.V.Equal(value):",
	}, "verify", "TestVerify"},
	{mutation{
		"verification does not name what is not recorded", "verify/verify.go",
		"if r.live[name].Version.Time.Add(settling) < r.now {", "if false {",
	}, "verify", "TestVerify"},
	{mutation{
		"verification does not name hidden entries of the register", "archive/verify.go",
		"case len(s.entries) > 0 && s.entries[0].Marker:", "case false:",
	}, "verify", "TestVerify"},
	{mutation{
		"a test of the pipeline deletes a parameter of another owner", "internal/pipeline/names.go",
		"case h.Newest().Description != Description:\n\t\t\tforeign", "case false && h.Newest().Description != Description:\n\t\t\tforeign",
	}, "internal/cli/stack", "TestScripts/test_refused"},
	{mutation{
		"a test of the pipeline begins while another runs", "internal/pipeline/names.go",
		"case last.Ended.IsZero() && time.Since(last.Began) < killedAfter:", "case false:",
	}, "internal/cli/stack", "TestScripts/test_killed"},
	{mutation{
		"an interrupted test of the pipeline leaves its parameters", "internal/pipeline/pipeline.go",
		"r.clear(context.WithoutCancel(ctx))", "r.clear(ctx)",
	}, "internal/cli/stack", "TestScripts/test_interrupted"},
	{mutation{
		"a test of the pipeline does not need the event of a change", "internal/pipeline/steps.go",
		"return ok && len(v.Events) > 0", "return ok && len(v.Events) >= 0",
	}, "internal/pipeline", "TestEventNeeded"},
	{mutation{
		"undo last undoes the restore of a test", "internal/cli/ssmbak/undolast.go",
		"strings.HasPrefix(r.Target, archive.TestPath)", "false && strings.HasPrefix(r.Target, archive.TestPath)",
	}, "internal/cli/ssmbak", "TestScripts/undo_last_test"},
	{mutation{
		"the emulated stack keeps a resource that could not be created", "internal/emulator/cfnapi/stack.go",
		"\t\t\tw.finish(r, err)\n\t\t\treturn\n", "\t\t\t_, _ = r, err\n",
	}, "internal/emulator/cfnapi", "TestRules"},
	{mutation{
		"a condition of the template is not evaluated", "internal/emulator/cfnapi/stack.go",
		"if !e.holds(r.Condition) {", "if false {",
	}, "internal/emulator/cfnapi", "TestRules"},
	{mutation{
		"the zip that is stored is not compared", "internal/stack/code.go",
		"if !bytes.Equal(hash.Sum(nil), u.sum) {", "if false {",
	}, "internal/cli/stack", "TestScripts/code_runs"},
	{mutation{
		"an older version replaces a newer stack", "internal/stack/update.go",
		"case older(s.o.Version, have[parameterVersion]) && !downgrade:", "case false:",
	}, "internal/cli/stack", "TestScripts/update_older"},
	{mutation{
		"a stack leaves the bucket to the root user alone", "internal/stack/admins.go",
		"return strings.HasSuffix(arn, \":root\")", "return false",
	}, "internal/stack", "TestCheckAdmins"},
	{mutation{
		"a deletion needs no word", "internal/cli/ssmbak/question.go",
		"\tif p.NeedsConfirmation() {\n\t\treturn a.AskGravely", "\tif false {\n\t\treturn a.AskGravely",
	}, "internal/cli/ssmbak", "TestScripts/restore_asks"},
	{mutation{
		"a deletion without a terminal needs no --yes", "internal/cli/ssmbak/question.go",
		"case (s.into || p.NeedsConfirmation()) && p.Applied() > 0 && !o.yes:", "case false:",
	}, "internal/cli/ssmbak", "TestScripts/restore_asks"},
	{mutation{
		"a restore into another account asks for yes instead of the account", "internal/cli/ssmbak/question.go",
		"\tif s.into {\n\t\treturn a.AskFor(", "\tif false {\n\t\treturn a.AskFor(",
	}, "internal/cli/ssmbak", "TestScripts/into_account"},
	{mutation{
		"a restore writes to another place than --into names", "internal/cli/ssmbak/into.go",
		"into != here {", "false {",
	}, "internal/cli/ssmbak", "TestScripts/into$"},
	{mutation{
		"live parameters are compared with the archive of another account", "internal/cli/ssmbak/verify.go",
		"\tif againstLive {\n\t\tif err", "\tif false {\n\t\tif err",
	}, "internal/cli/ssmbak", "TestScripts/into$"},
	{mutation{
		"a customer key of another account is written", "plan/move.go",
		"mapped || key == DefaultKey || m.From == m.Into", "mapped || true || m.From == m.Into",
	}, "internal/cli/ssmbak", "TestScripts/into$"},
	{mutation{
		"a version of another account that has the number and time of the live one is taken for it", "plan/decide.go",
		"return c.Name != c.After.Name || c.Move != nil", "return c.Name != c.After.Name",
	}, "plan", "TestMove"},
	{mutation{
		"a restore from another archive takes any version since for its own", "restore/undo.go",
		"case x.Written != 0 && x.Written == live.Version.Number:", "case true:",
	}, "restore", "TestUndoElsewhere"},
	{mutation{
		"what is not replicated is expired or hidden", "archive/archive.go",
		"a.replica = o.Elsewhere && a.replication == ReplicationReplica", "a.replica = false",
	}, "internal/cli/ssmbak", "TestScripts/into_replicated"},
	{mutation{
		"an archive that S3 has not replicated is called removed", "archive/archive.go",
		"Copy: a.o.Elsewhere && !v.Marker && a.isReplica(ctx, v.Key, v.ID)}", "Copy: v.Marker && !v.Marker}",
	}, "internal/cli/ssmbak", "TestScripts/into_replicated"},
	{mutation{
		"an object that S3 cannot replicate is not counted", "internal/health/replication.go",
		"r.Failed++", "_ = r.Failed",
	}, "internal/cli/ssmbak", "TestScripts/status_replication"},
	{mutation{
		"the replication of values is not read", "internal/health/replication.go",
		"range read[:min(len(read), newest)]", "range read[:0]",
	}, "internal/cli/ssmbak", "TestScripts/status_replication"},
	{mutation{
		"any rule of the bucket is that of the stack's copy", "internal/health/replication.go",
		`(bucket == "" || destination(r) == bucket)`, "true",
	}, "internal/cli/ssmbak", "TestScripts/status_replication"},
	{mutation{
		"a disabled replication rule is as good as another", "internal/health/replication.go",
		"r.Status == types.ReplicationRuleStatusEnabled", "true",
	}, "internal/cli/ssmbak", "TestScripts/status_replication"},
	{mutation{
		"a copy of values under a key needs no key", "internal/stack/settings.go",
		`p[parameterEncryption] != "S3" && p[parameterReplicaKey] == ""`, "false",
	}, "internal/stack", "TestBadSettings"},
	{mutation{
		"the copy may be written by others than the archive's role", "internal/stack/replica.yaml",
		"- Sid: OnlySourceWrites\n            Effect: Deny", "- Sid: OnlySourceWrites\n            Effect: Allow",
	}, "internal/stack", "TestReplicaAgrees"},
	{mutation{
		"a file of code is ignored if the code is published", "internal/stack/publish.go",
		`s.o.CodeFile != ""`, "false",
	}, "internal/cli/stack", "TestEmulatedStack"},
	{mutation{
		"what listings proved is believed of a copy", "archive/reconciled.go",
		"d.Value = d.Value.unlisted()", "_ = d.Value.unlisted()",
	}, "internal/cli/ssmbak", "TestScripts/into_replicated"},
	{mutation{
		"a plan for another archive is applied", "restore/planfile.go",
		"!reflect.DeepEqual(f.From, from)", "false && !reflect.DeepEqual(f.From, from)",
	}, "internal/cli/ssmbak", "TestScripts/into_account"},
	{mutation{
		"hidden parameters are not named", "internal/cli/ssmbak/hidden.go",
		"\tif n := len(names); n > 0 {", "\tif n := len(names); n > 1000 {",
	}, "internal/cli/ssmbak", "TestScripts/hidden_index"},
	{mutation{
		"an answer that may be incomplete is a success", "internal/cli/ssmbak/unproved.go",
		"return shell.KindNotProved.Part(unprovedHint, \"the archive may be incomplete for %s\", shell.Count(len(u.Missed)+len(u.Unsure), \"parameter\", \"parameters\"))", "return nil",
	}, "internal/cli/ssmbak", "TestScripts/reconcile_unread"},
	{mutation{
		"an interrupt right after the first one is lost", "internal/cli/shell/interrupts.go",
		"\t\t\t\tagain <- s\n", "\t\t\t\tselect {\n\t\t\t\tcase again <- s:\n\t\t\t\tdefault:\n\t\t\t\t}\n",
	}, "internal/cli/shell", "TestInterrupts"},
	{mutation{
		"Enter is yes", "internal/cli/shell/question.go",
		"return strings.EqualFold(answer, \"y\") ||", "return answer == \"\" || strings.EqualFold(answer, \"y\") ||",
	}, "internal/cli/shell", "TestAnswers"},
	{mutation{
		"JSON can steer a terminal", "internal/cli/render/json.go",
		"r == '\\n' || unicode.IsPrint(r):", "true || unicode.IsPrint(r):",
	}, "internal/cli/render", "TestTerminalJSON"},
	{mutation{
		"the values of a secret are compared line by line", "internal/cli/render/value.go",
		"case hidden:\n\t\treturn []string{\"value: \" + differs}", "case false:\n\t\treturn []string{\"value: \" + differs}",
	}, "internal/cli/render", "TestSecretsAreOnlyCompared|TestSecretsStay"},
	{mutation{
		"a key that is there twice is compared as JSON", "internal/cli/render/value.go",
		"if keys[key] {", "if false {",
	}, "internal/cli/render", "TestValueLines"},
	{mutation{
		"the function has no margin for its answer", "internal/function/function.go",
		"deadline.Add(-margin)", "deadline",
	}, "internal/function", "TestDeadline"},
	{mutation{
		"a function takes the rate of the stack", "internal/function/function.go",
		"return reads / float64(functions), nil", "return reads / float64(min(functions, 1)), nil",
	}, "internal/function", "TestShare"},
	{mutation{
		"a suspended versioning is healthy", "internal/health/bucket.go",
		"case out.Status != types.BucketVersioningStatusEnabled:", "case out.Status != types.BucketVersioningStatusEnabled && out.Status != types.BucketVersioningStatusSuspended:",
	}, "internal/cli/ssmbak", "TestScripts/status_broken"},
	{mutation{
		"a disabled key is healthy", "internal/health/bucket.go",
		"case kmstypes.KeyStateEnabled:", "case kmstypes.KeyStateEnabled, kmstypes.KeyStateDisabled:",
	}, "internal/cli/ssmbak", "TestScripts/status_broken"},
	{mutation{
		"a function may run any code", "internal/health/stack.go",
		"case d.Code != \"\" && hex.EncodeToString(code) != d.Code:", "case false && hex.EncodeToString(code) != d.Code:",
	}, "internal/cli/ssmbak", "TestScripts/status_broken"},
	{mutation{
		"a recorder without messages is healthy", "internal/health/stack.go",
		"case \"Enabled\", \"Enabling\",", "case \"Enabled\", \"Disabled\", \"Enabling\",",
	}, "internal/cli/ssmbak", "TestScripts/status_broken"},
	{mutation{
		"a queue that only grows is healthy", "internal/health/stack.go",
		"visible >= busyQueue", "visible > busyQueue",
	}, "internal/cli/ssmbak", "TestScripts/status_broken"},
	{mutation{
		"dead letters need no attention", "internal/health/stack.go",
		"case dead > 0:", "case dead > 2:",
	}, "internal/cli/ssmbak", "TestScripts/status_broken"},
	{mutation{
		"the archive chooses the queue of another account", "internal/health/stack.go",
		"if url != \"\" && (!strings.Contains(", "if url == \"-\" && (!strings.Contains(",
	}, "internal/cli/ssmbak", "TestScripts/status_broken"},
	{mutation{
		"a denied request means that all is well", "internal/health/health.go",
		"return []Check{{name, Unseen, \"could not see \" + what, permission + \" would show it\"}}", "return ok(name, what)",
	}, "internal/cli/ssmbak", "TestScripts/status"},
	{mutation{
		"a hidden index is not counted", "internal/health/changes.go",
		"case hidden && missing.Hidden:", "case hidden && !missing.Hidden:",
	}, "internal/cli/ssmbak", "TestScripts/status_broken"},
	{mutation{
		"a reconcile may be of any age", "internal/health/coverage.go",
		"if i.now.Sub(r.Last) >= missed {", "if false {",
	}, "internal/cli/ssmbak", "TestScripts/status_broken"},
	{mutation{
		"the delay is that of the newest copy", "internal/health/changes.go",
		"written = min(written, o.Written)", "written = max(written, o.Written)",
	}, "internal/health", "TestMeasured"},
	{mutation{
		"targets include the parameters of drills", "name.go",
		"if !ok || rest == \"\" || n.Drill() {", "if !ok || rest == \"\" {",
	}, ".", "TestDrillPath"},
	{mutation{
		"a drill can be a target", "name.go",
		"if (name + \"/\").Drill() {", "if false {",
	}, ".", "TestDrillPath"},
	{mutation{
		"the events of a drill are recorded", "recorder/recorder.go",
		"return name.Drill() || pattern.Any(r.o.Exclude, name)", "return pattern.Any(r.o.Exclude, name)",
	}, "internal/drill", "TestDrill$"},
	{mutation{
		"a reconcile removes what others created", "internal/drill/remove.go",
		"live.User == d.By ||", "live.User != \"\" ||",
	}, "internal/drill", "TestDrillKeepsOthers"},
	{mutation{
		"a reconcile removes what others changed", "internal/drill/remove.go",
		"return live.Number == 1 &&", "return live.Number > 0 &&",
	}, "internal/drill", "TestDrillKeepsOthers"},
	{mutation{
		"a reconcile removes the parameters of a running drill", "internal/drill/remove.go",
		"|| now.Before(Abandoned(d)) {", "{",
	}, "internal/drill", "TestDrillKilled"},
	{mutation{
		"a restore made the labels of its undo", "internal/history/madeby.go",
		"if changes(ssmbak.AttributeLabel, label) && (number != 0) == kept {", "if changes(ssmbak.AttributeLabel, label) && (number != 0 || !kept || kept) {",
	}, "internal/history", "TestMadeComparesAttributes"},
	{mutation{
		"a drill that was not begun blocks others", "internal/drill/drill.go",
		"if errors.As(err, new(*archive.NotVersionedError)) {", "if false {",
	}, "internal/cli/ssmbak", "TestScripts/drill_broken"},
	{mutation{
		"a test of other code than the deployed passes", "internal/cli/stack/test.go",
		"if err == nil && exists {", "if exists && false {",
	}, "internal/cli/stack", "TestScripts/test_broken"},
	{mutation{
		"what a killed drill left is forgotten", "internal/drill/remove.go",
		"d.Ended, d.Incomplete = now.UTC()", "removed, err = 0, nil\n\td.Ended, d.Incomplete = now.UTC()",
	}, "internal/drill", "TestDrillKeepsOthers"},
	{mutation{
		"a drill is recorded after its writes", "internal/drill/drill.go",
		"if err := d.archive.BeginDrill(ctx, d.Record); err != nil {", "if err := ctx.Err(); err != nil {",
	}, "internal/drill", "TestDrillKilled"},
	{mutation{
		"a drill compares no values", "internal/drill/compare.go",
		"if !secret.Value.Equal(i.state.Value.V) {", "if false && !secret.Value.Equal(i.state.Value.V) {",
	}, "internal/drill", "TestDrillCompares"},
	{mutation{
		"an interrupted drill removes nothing", "internal/drill/drill.go",
		"context.WithTimeout(context.WithoutCancel(ctx), cleaning)", "context.WithTimeout(ctx, cleaning)",
	}, "internal/drill", "TestDrillInterrupted"},
}
