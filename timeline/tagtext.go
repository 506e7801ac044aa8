package timeline

import "strings"

// TagText returns the characters of a text that are valid in an S3 object tag: letters,
// digits, spaces and + - = . _ : / @, at most 256.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
func TagText(text string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune(" +-=._:/@", r):
			return r
		}
		return -1
	}, text)
	return kept[:min(len(kept), maxTagText)]
}

// maxTagText is the limit of S3 for the value of an object tag, in characters.
const maxTagText = 256
