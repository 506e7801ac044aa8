package timeline

import "strings"

// TagText returns the characters of a text that an S3 object tag allows: letters,
// digits, spaces and + - = . _ : / @, 256 at most.
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

// maxTagText is S3's limit for the value of an object tag, in characters.
const maxTagText = 256
