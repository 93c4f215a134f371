"""People who are made up, so that it is known what they prefer: does the online part decide as it should?"""
