// Package smalldisk gives a test a disk that gets full: a tmpfs of its own in a mount namespace of its own.
//
// The test's binary is run again for that one test, so nothing outside sees the mount and nothing of it is left. It takes
// root, or a kernel that lets everybody make user namespaces; where neither is, the test says so and ends: give such a
// promise a second test that needs no disk.
package smalldisk
