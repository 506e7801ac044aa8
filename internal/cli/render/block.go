package render

import (
	"bytes"
	"io"
)

// A fence begins and ends a block of text in Markdown. In the text, it is broken.
const (
	fence       = "```"
	brokenFence = "` ` `"
)

// Block writes lines of text, in Markdown as a block in a language such as "diff", or "". write
// must write complete lines.
func Block(w io.Writer, language string, o View, write func(io.Writer) error) error {
	if o.Format != Markdown {
		return write(w)
	}
	if _, err := io.WriteString(w, fence+language+"\n"); err != nil {
		return err
	}
	if err := write(inBlock{w}); err != nil {
		return err
	}
	_, err := io.WriteString(w, fence+"\n")
	return err
}

// inBlock breaks fences.
type inBlock struct{ w io.Writer }

func (b inBlock) Write(p []byte) (int, error) {
	if _, err := b.w.Write(bytes.ReplaceAll(p, []byte(fence), []byte(brokenFence))); err != nil {
		return 0, err
	}
	return len(p), nil
}
