package main

import (
	"strings"
	"testing"
)

// TestNotices checks that every module that a program links on any system has a licence, and
// that its text is in the notices.
func TestNotices(t *testing.T) {
	t.Parallel()
	var packages []linked
	for _, goos := range []string{"linux", "darwin", "windows"} {
		more, err := packagesOf(t.Context(), goos)
		must(t, err)
		packages = append(packages, more...)
	}
	all, err := termsOf(t.Context(), packages)
	must(t, err)
	text, err := notices(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"std: LICENSE", "github.com/aws/aws-sdk-go-v2 v", "github.com/inconshreveable/mousetrap v", // of Windows
		"internal/sync/singleflight/LICENSE", // of a package in a module under another licence
		"NOTICE", "Apache License", "Redistribution and use in source and binary forms",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %q", want)
		}
	}
	if strings.Contains(string(text), "github.com/google/go-cmp") {
		t.Error("go-cmp is not linked")
	}
}

// TestNoLicence checks that a module without a licence fails the release.
func TestNoLicence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := &struct{ Path, Version, Dir string }{"example.com/m", "v1.0.0", dir}
	all, err := termsOf(t.Context(), []linked{{Dir: dir, ImportPath: "example.com/m", Module: m}})
	must(t, err)
	if _, err := notices(all); err == nil || err.Error() != "no licence was found for example.com/m v1.0.0" {
		t.Errorf("got %v", err)
	}
}
