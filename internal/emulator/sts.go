package emulator

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ssmbak/ssmbak/internal/emulator/ssmapi"
)

// isSTS reports whether a request uses the query protocol of STS. The form can be read
// again afterwards.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func isSTS(r *http.Request) bool {
	if r.Method != http.MethodPost || r.URL.Path != "/" && r.URL.Path != "" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return false
	}
	return true
}

func (a *AWS) serveSTS(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		writeSTSError(w, http.StatusBadRequest, "IncompleteBody", "the request could not be read")
		return
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("Version") != "2011-06-15" || form.Get("Action") != "GetCallerIdentity" {
		writeSTSError(w, http.StatusBadRequest, "InvalidAction", "only GetCallerIdentity of version 2011-06-15 is known here")
		return
	}
	user, ok := ssmapi.User(r)
	if !ok { // https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
		writeSTSError(w, http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
		`<Arn>%s</Arn><UserId>AIDA%s</UserId><Account>%s</Account></GetCallerIdentityResult>`+
		`<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
		ssmapi.UserARN(a.region, a.account, user), strings.ToUpper(user), a.account)
}

func writeSTSError(w http.ResponseWriter, status int, code, message string) {
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(message)) // a buffer takes everything
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, code, &text)
}
