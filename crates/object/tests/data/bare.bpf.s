# SPDX-License-Identifier: MIT OR Apache-2.0
# Hand-written assembly without .type and .size, as old compilers wrote functions.
# clang: -g0
	.section socket,"ax",@progbits
	.globl first
first:
	r0 = 1
	exit
	.globl second
second:
	call inner
	exit
inner:
	r0 = 2
	exit

	.section xdp,"ax",@progbits
	r0 = 3
	exit
