package shell

import "fmt"

// Kind says what is wrong, for programs: it is the field Code of an error in JSON. The kinds
// are listed in docs/output.md, and never renamed or removed.
type Kind string

// The kinds that follow from the exit code, if nothing more specific is known.
const (
	KindWrongUsage  Kind = "WrongUsage"
	KindFailed      Kind = "Failed"
	KindPartial     Kind = "Partial"
	KindInterrupted Kind = "Interrupted"
)

// The kinds of errors of AWS and of its configuration.
const (
	KindAccessDenied         Kind = "AccessDenied"
	KindExpiredCredentials   Kind = "ExpiredCredentials"
	KindInvalidConfiguration Kind = "InvalidConfiguration"
	KindInvalidCredentials   Kind = "InvalidCredentials"
	KindNoConnection         Kind = "NoConnection"
	KindNoCredentials        Kind = "NoCredentials"
	KindNoRegion             Kind = "NoRegion"
	KindThrottled            Kind = "Throttled"
	KindWrongRegion          Kind = "WrongRegion"
)

// The kinds of errors about an archive, a parameter or a stack.
const (
	KindConfirmationRequired Kind = "ConfirmationRequired"
	KindNotConfirmed         Kind = "NotConfirmed"

	KindAlreadyUndone        Kind = "AlreadyUndone"
	KindBusy                 Kind = "Busy"
	KindClockSkewed          Kind = "ClockSkewed"
	KindConflicts            Kind = "Conflicts"
	KindContradicted         Kind = "Contradicted"
	KindDamaged              Kind = "Damaged"
	KindDemoFailed           Kind = "DemoFailed"
	KindDrillInProgress      Kind = "DrillInProgress"
	KindDrillLeftovers       Kind = "DrillLeftovers"
	KindExists               Kind = "Exists"
	KindFileFailed           Kind = "FileFailed"
	KindHidden               Kind = "Hidden"
	KindInternalError        Kind = "InternalError"
	KindInvalidPlanFile      Kind = "InvalidPlanFile"
	KindKeyUnusable          Kind = "KeyUnusable"
	KindLive                 Kind = "Live"
	KindMarkExists           Kind = "MarkExists"
	KindMasked               Kind = "Masked"
	KindMissingIndex         Kind = "MissingIndex"
	KindNeedsAttention       Kind = "NeedsAttention"
	KindNewerFormat          Kind = "NewerFormat"
	KindNoArchive            Kind = "NoArchive"
	KindNoBucket             Kind = "NoBucket"
	KindNoMatch              Kind = "NoMatch"
	KindNotFound             Kind = "NotFound"
	KindNothingDone          Kind = "NothingDone"
	KindNotProved            Kind = "NotProved"
	KindNotReplicated        Kind = "NotReplicated"
	KindNotSigned            Kind = "NotSigned"
	KindNotVersioned         Kind = "NotVersioned"
	KindOutOfTime            Kind = "OutOfTime"
	KindPermissionsMissing   Kind = "PermissionsMissing"
	KindPortTaken            Kind = "PortTaken"
	KindRefused              Kind = "Refused"
	KindSigningFailed        Kind = "SigningFailed"
	KindTooLarge             Kind = "TooLarge"
	KindTooMany              Kind = "TooMany"
	KindUnavailable          Kind = "Unavailable"
	KindUnknown              Kind = "Unknown"
	KindUnrepresentable      Kind = "Unrepresentable"
	KindUnseen               Kind = "Unseen"
	KindUnsupportedPrincipal Kind = "UnsupportedPrincipal"
	KindWrongAccount         Kind = "WrongAccount"
	KindWrongKey             Kind = "WrongKey"

	KindCodeNotFound        Kind = "CodeNotFound"
	KindNotAdmin            Kind = "NotAdmin"
	KindPointerTaken        Kind = "PointerTaken"
	KindStackExists         Kind = "StackExists"
	KindStackFailed         Kind = "StackFailed"
	KindStackForeign        Kind = "StackForeign"
	KindStackIncomplete     Kind = "StackIncomplete"
	KindStackLegacy         Kind = "StackLegacy"
	KindStackNotFound       Kind = "StackNotFound"
	KindStackProtected      Kind = "StackProtected"
	KindStackState          Kind = "StackState"
	KindTestFailed          Kind = "TestFailed"
	KindTestLeftovers       Kind = "TestLeftovers"
	KindTestRefused         Kind = "TestRefused"
	KindTestRunning         Kind = "TestRunning"
	KindUnsuitableBucket    Kind = "UnsuitableBucket"
	KindUnexpectedCode      Kind = "UnexpectedCode"
	KindVersioningUnsettled Kind = "VersioningUnsettled"
)

// Fail returns a [*Failure] for work that failed.
func (k Kind) Fail(hint, format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Hint: hint, Code: Failed, Kind: k}
}

// Part returns a [*Failure] for work that was partly done, or for an answer that is not certain.
func (k Kind) Part(hint, format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Hint: hint, Code: Partly, Kind: k}
}

// CodeName returns the kind of a failure, or else that of its exit code.
func (f Failure) CodeName() Kind {
	switch {
	case f.Code == Interrupted:
		return KindInterrupted
	case f.Kind != "":
		return f.Kind
	case f.Code == WrongUsage:
		return KindWrongUsage
	case f.Code == Partly:
		return KindPartial
	}
	return KindFailed
}
