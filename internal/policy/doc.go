// Package policy reads IAM policy documents and judges two kinds of them: the
// deny that ends sessions, and the trust policy that says who may assume a
// role.
//
// Parse reads a document as CloudTrail hands it over. Revocation tells by
// content, never by a policy's name, whether it cuts off sessions. Trust is
// the document in the vocabulary of package incident, and Assess compares two
// of those: who gained trust, who lost it, and how dangerous what is new is.
//
// What it promises:
//
//   - The answer depends on what a document means. The order of statements,
//     lists and members, the case of names, a string in place of a list of
//     one, white space and URL encoding make no difference.
//   - A doubt is settled against the document: a condition that cannot be
//     shown to limit anybody limits nobody, and a deny that cannot be shown to
//     apply applies to nothing.
//   - Everything is a pure function of its arguments, and no input panics.
//
// What it does not: it evaluates no request. It knows one policy at a time, so
// permissions boundaries, service control policies and the permissions of the
// role itself are out of its sight; so is whose network an address block is,
// what an identity provider lets its users call themselves, and who is a
// member of an organisation.
package policy
