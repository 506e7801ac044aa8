package ssmbakcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// isStdout reports whether a path means standard output: it is "-", or the same file as
// standard output, such as /dev/stdout.
func (a *app) isStdout(path string) bool {
	if path == "-" {
		return true
	}
	stdout, ok := a.Stdout.(*os.File)
	if !ok {
		return false
	}
	is, err := stdout.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(is, named)
}

// writeFile writes text to a path. It creates a regular file, or replaces it
// atomically, with mode 0600, and follows symbolic links. It writes directly to
// anything else, such as a pipe or a device. replaced reports whether a regular file
// has the text now.
func writeFile(path string, text []byte) (replaced bool, err error) {
	is, err := os.Stat(path)
	if err == nil && !is.Mode().IsRegular() {
		if is.IsDir() {
			return false, errors.New("is a directory")
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return false, err
		}
		_, err = f.Write(text)
		return false, errors.Join(err, f.Close())
	}
	target, err := followed(path)
	if err != nil {
		return false, err
	}
	temp, err := os.CreateTemp(filepath.Dir(target), ".ssmbak-plan-*") // mode 0600
	if err != nil {
		return false, err
	}
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), target)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err == nil, err
}

// maxLinks is the maximum number of symbolic links to follow, as in Linux.
const maxLinks = 40

// followed returns the file at the end of a chain of symbolic links. It need not exist.
func followed(path string) (string, error) {
	for range maxLinks {
		is, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return path, nil
		case err != nil:
			return "", err
		case is.Mode()&fs.ModeSymlink == 0:
			return path, nil
		}
		next, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", fmt.Errorf("more than %d symbolic links", maxLinks)
}
