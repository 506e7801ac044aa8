package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// program is a program for one system.
type program struct {
	file     string // in the directory
	name     string // ssmbak, ssmbak-stack, or ssmbak-lambda in a zip
	os, arch string
	sum      [sha256.Size]byte // of the program, not of its zip
	info     *debug.BuildInfo
}

// programs returns the programs in a directory: NAME-OS-ARCH, and those of the functions
// in zips.
func programs(dir string) (all []program, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		p, ok := parse(f.Name())
		if !ok {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err == nil && p.name == "ssmbak-lambda" {
			body, err = bootstrap(body)
		}
		if err == nil {
			p.info, err = buildinfo.Read(bytes.NewReader(body))
		}
		if err != nil {
			return nil, fmt.Errorf("read the program %s: %w", f.Name(), err)
		}
		p.sum = sha256.Sum256(body)
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there are no programs in %s", dir)
	}
	return all, nil
}

// parse returns the program that a file is by its name.
func parse(file string) (p program, ok bool) {
	p.file = file
	if arch, isZip := strings.CutSuffix(file, ".zip"); isZip {
		p.name, p.os, p.arch = "ssmbak-lambda", "linux", arch
		return p, true
	}
	words := strings.Split(strings.TrimSuffix(file, ".exe"), "-")
	n := len(words) - 2
	if n < 1 || strings.Contains(words[n+1], ".") {
		return p, false
	}
	p.name, p.os, p.arch = strings.Join(words[:n], "-"), words[n], words[n+1]
	return p, slices.Contains([]string{"ssmbak", "ssmbak-stack"}, p.name) && slices.Contains([]string{"linux", "darwin", "windows"}, p.os)
}

// bootstrap returns the program in the zip of a function.
func bootstrap(body []byte) ([]byte, error) {
	r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return nil, err
	}
	f, err := r.Open("bootstrap")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

// modules returns the modules that the programs link, without this one, by path.
func (r *release) modules() map[string]*debug.Module {
	all := make(map[string]*debug.Module)
	for _, p := range r.programs {
		for _, m := range p.info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			all[m.Path] = m
		}
	}
	return all
}

// write writes a file of the release.
func (r *release) write(name string, body []byte) error {
	return os.WriteFile(filepath.Join(r.dir, name), body, 0o644)
}
