package ssmapi

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// defaultUser is the IAM user that sends requests without a signature.
const defaultUser = "local"

// userName is the pattern of IAM user names
// (https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html).
var userName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w+=,.@-]{1,64}$`) })

// User returns the name of the IAM user that sends a request: the access key ID of its
// signature, or "local" if it has none. Signatures are not checked. ok is false if the
// access key ID is no user name; AWS would not know it either.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
func User(r *http.Request) (name string, ok bool) {
	_, credential, signed := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !signed {
		return defaultUser, true
	}
	name, _, _ = strings.Cut(credential, "/")
	return name, userName().MatchString(name)
}

// UserARN returns the ARN of an IAM user of an account in a region's partition.
func UserARN(region, account, name string) string {
	return "arn:" + partitionOf(region) + ":iam::" + account + ":user/" + name
}

// calledBy is an input that has to know who sends it.
type calledBy interface{ setCaller(arn string) }
