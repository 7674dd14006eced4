"""Adds the LDIF on standard input to the domain of the smb.conf in the first argument, in one transaction."""
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

domain = SamDB(session_info=system_session(), lp=LoadParm(filename_for_non_global_lp=sys.argv[1]))
domain.transaction_start()
for change in sys.stdin.read().split("\n\n"):
    if "changetype:" in change:
        domain.modify_ldif(change)
    elif change.strip():
        domain.add_ldif(change)
domain.transaction_commit()
