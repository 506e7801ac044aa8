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

	KindDamaged            Kind = "Damaged"
	KindHidden             Kind = "Hidden"
	KindInvalidPlanFile    Kind = "InvalidPlanFile"
	KindMarkExists         Kind = "MarkExists"
	KindMasked             Kind = "Masked"
	KindMissingIndex       Kind = "MissingIndex"
	KindNewerFormat        Kind = "NewerFormat"
	KindNoArchive          Kind = "NoArchive"
	KindNoBucket           Kind = "NoBucket"
	KindNoMatch            Kind = "NoMatch"
	KindNotFound           Kind = "NotFound"
	KindNotProved          Kind = "NotProved"
	KindNotVersioned       Kind = "NotVersioned"
	KindPermissionsMissing Kind = "PermissionsMissing"
	KindPortTaken          Kind = "PortTaken"
	KindUnavailable        Kind = "Unavailable"
	KindUnknown            Kind = "Unknown"
	KindWrongAccount       Kind = "WrongAccount"

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
	KindStackUnhealthy      Kind = "StackUnhealthy"
	KindTestFailed          Kind = "TestFailed"
	KindTestLeftovers       Kind = "TestLeftovers"
	KindTestRefused         Kind = "TestRefused"
	KindUnsuitableBucket    Kind = "UnsuitableBucket"
	KindUnexpectedCode      Kind = "UnexpectedCode"
	KindVersioningUnsettled Kind = "VersioningUnsettled"
)

// Fail is like [Fail], with a kind.
func (k Kind) Fail(hint, format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Hint: hint, Code: Failed, Kind: k}
}

// Part is like [Part], with a kind.
func (k Kind) Part(hint, format string, args ...any) error {
	return &Failure{Message: fmt.Sprintf(format, args...), Hint: hint, Code: Partly, Kind: k}
}

// kind returns the kind of a failure, or else that of its exit code.
func (f Failure) kind() Kind {
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
