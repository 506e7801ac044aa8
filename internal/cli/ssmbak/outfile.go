package ssmbakcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// isStdout reports whether a path means standard output: it is "-", or names what
// standard output is, as /dev/stdout does.
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

// writeFile writes a text to what a path names. A regular file is made, or
// replaced as a whole or not at all, and only its owner may read it; a symbolic
// link to it stays. Anything else, such as a pipe or a device, is written through.
// replaced reports whether the text is in a file now.
func writeFile(path string, text []byte) (replaced bool, err error) {
	is, err := os.Stat(path)
	if err == nil && !is.Mode().IsRegular() {
		if is.IsDir() {
			return false, errors.New("it is a directory")
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
	temp, err := os.CreateTemp(filepath.Dir(target), ".ssmbak-plan-*") // for its owner only
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

// maxLinks is how many symbolic links are followed, as Linux does.
const maxLinks = 40

// followed returns the file that a path leads to, which need not exist.
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
