package paramstore

// Paced is the client that a [Store] uses.
var Paced = paced
